"""Whether a set is what its description says."""

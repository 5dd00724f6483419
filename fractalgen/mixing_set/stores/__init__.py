"""Where a set lies, in folders or in shards, and what it records about its images."""

"""Parts of a set, joined."""

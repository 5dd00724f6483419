"""The set on disk: what shall be in it, drawing it, checking it, looking at it."""

"""Files and folders: atomic writes, locks, caches and downloads."""

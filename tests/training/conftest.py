import importlib.util

# These need the extra "train"; the gate runs them where it is installed.
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["*"]

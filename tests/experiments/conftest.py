import importlib.util

from tests.training.conftest import mixing_images, own_cache

__all__ = ["mixing_images", "own_cache"]

# These need the extra "train"; the gate runs them where it is installed.
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["*"]

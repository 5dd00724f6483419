"""The engines that draw sets, by name."""

from typing import Any

from fractalgen.registry import Registry

__all__ = ["ENGINES"]

ENGINES: Registry[Any] = Registry("engine")
ENGINES.add_lazily(
    "local", "fractalgen.mixing_set.engines.local:LocalEngine", "threads of this machine"
)
ENGINES.add_lazily(
    "ray", "fractalgen.mixing_set.engines.ray_cluster:RayEngine", "the machines of a Ray cluster"
)

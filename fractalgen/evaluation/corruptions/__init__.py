"""The suites of corruptions that are made here, by the value of --corruptions."""

from fractalgen.evaluation.corruptions.imagenet_c import IMAGENET_C
from fractalgen.evaluation.corruptions.suites import Suite
from fractalgen.registry import Registry

__all__ = ["GENERATE", "SUITES"]

GENERATE = "generate"

SUITES: Registry[Suite] = Registry("suite of corruptions")
SUITES.add(GENERATE, IMAGENET_C)

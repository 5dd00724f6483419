"""The measurements of an evaluation, in the order in which they are run and shown."""

from typing import Any

from fractalgen.evaluation.measurements.adversarial import Adversarial
from fractalgen.evaluation.measurements.autoattack import AutoAttack
from fractalgen.evaluation.measurements.class_errors import ClassErrors
from fractalgen.evaluation.measurements.clean import Clean
from fractalgen.evaluation.measurements.consistency import Consistency
from fractalgen.evaluation.measurements.corruptions import Corruptions
from fractalgen.evaluation.measurements.measurement import Measurement
from fractalgen.evaluation.measurements.natural_shift import NaturalShift
from fractalgen.evaluation.measurements.ood import OOD
from fractalgen.evaluation.measurements.temperature import Temperature
from fractalgen.registry import Registry

__all__ = ["MEASUREMENTS"]

MEASUREMENTS: Registry[Measurement[Any, Any]] = Registry("measurement")

for _measurement in (
    Clean(),
    ClassErrors(),
    Temperature(),
    Corruptions(),
    Consistency(),
    Adversarial(),
    AutoAttack(),
    OOD(),
    NaturalShift(),
):
    MEASUREMENTS.add(_measurement.key, _measurement)

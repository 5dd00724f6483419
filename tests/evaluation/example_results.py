"""Made-up figures whose sums can be checked by hand."""

import dataclasses
import json

import numpy as np

from fractalgen.evaluation.report.page import Samples
from fractalgen.evaluation.results import (
    AdversarialResult,
    AnomalyResult,
    CalibrationBin,
    CleanResult,
    ConsistencyResult,
    CorruptionResult,
    NaturalShiftResult,
    Results,
)

CONFIG = {
    "dataset": "digits",
    "model": "resnet-8",
    "method": "ipmix",
    "seed": 0,
    "epochs": 12,
    "jsd": True,
    "ipmix": {"k": 3, "levels": ["image", "patch"]},
}


def clean_results(error=0.0712, **config):
    """Nothing but the clean error."""
    return Results(
        run="runs/digits",
        config={**CONFIG, **config},
        checkpoint={"name": "last", "epoch": 12, "sha256": "5f2b" * 16},
        set_digest="a3c9" * 16,
        versions={"fractalgen": "0.1.0", "torch": "2.14.0"},
        clean=CleanResult(
            error=error,
            rms_calibration_error=0.0281,
            rms_calibration_error_public=0.0214,
            reliability=(CalibrationBin(0.5, 0.25, 10), CalibrationBin(0.99, 0.95, 30)),
            n=10_000,
        ),
    )


def full_results(n=1_000, **config):
    """Everything, with all but the clean error measured on `n` of 10,000 images."""
    return dataclasses.replace(
        clean_results(**config),
        corruptions=(
            CorruptionResult(
                source="generated",
                errors={
                    "gaussian_noise": (0.1, 0.2, 0.3, 0.4, 0.5),
                    "jpeg_compression": (0.0, 0.1, 0.1, 0.1, 0.1),
                },
                mean_error=0.19,
                normalized_error=0.634,
                rms_calibration_error=0.0911,
                n=n,
            ),
        ),
        consistency=ConsistencyResult("generated", {"tilt": 0.04, "scale": 0.08}, 0.06, n),
        adversarial=AdversarialResult(0.412, "linf", 2 / 255, 0.5 / 255, 20, n),
        anomalies=(AnomalyResult("noise", 0.9734, 0.9688, 0.0931, n, 3 * n),),
        natural_shifts=(NaturalShiftResult("ImageNet-R", 0.6, 0.12, 200, 30_000),),
    )


def samples(size=32):
    """Images of every kind, each a shade of its own."""
    shades = iter(range(10, 250))

    def images(*counts):
        stack = np.zeros((*counts, size, size, 3), np.uint8)
        for place in np.ndindex(counts):
            stack[place] = next(shades)
        return stack

    return Samples(
        set_images=images(8),
        training_images=images(2),
        augmented_views=images(2, 3),
        corruptions={"generated": {"gaussian_noise": images(1), "jpeg_compression": images(1)}},
        severities=(3,),
        mistakes=images(2),
        mistake_captions=("three, taken for eight", "<1> & 7"),
    )


def write(folder, results):
    """Leave the figures where `fractalgen evaluate` does."""
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(results.as_json()))
    return folder

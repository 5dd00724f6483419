"""Made-up figures whose sums can be checked by hand."""

import dataclasses
import json

import numpy as np

from fractalgen.evaluation.measurements.adversarial import AdversarialEntry
from fractalgen.evaluation.measurements.clean import CleanEntry
from fractalgen.evaluation.measurements.consistency import ConsistencyEntry
from fractalgen.evaluation.measurements.corruptions import CorruptionEntry
from fractalgen.evaluation.measurements.natural_shift import NaturalShiftEntry
from fractalgen.evaluation.measurements.ood import OODEntry
from fractalgen.evaluation.metrics.calibration import CalibrationBin
from fractalgen.evaluation.report import Mistake, Samples, TrainingImage
from fractalgen.evaluation.results import Results

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
    clean = CleanEntry(
        error=error,
        rms_calibration_error=0.0281,
        rms_calibration_error_public=0.0214,
        reliability=(CalibrationBin(0.5, 0.25, 10), CalibrationBin(0.99, 0.95, 30)),
        n=10_000,
    )
    return Results(
        run="runs/digits",
        config={**CONFIG, **config},
        checkpoint={"name": "last", "epoch": 12, "sha256": "5f2b" * 16},
        set_digest="a3c9" * 16,
        n_test=10_000,
        versions={"fractalgen": "0.1.0", "torch": "2.14.0"},
        entries={"clean": (clean,)},
    )


def full_results(n=1_000, **config):
    """Everything, with all but the clean error measured on `n` of 10,000 images."""
    results = clean_results(**config)
    entries = {
        "corruptions": CorruptionEntry(
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
        "consistency": ConsistencyEntry({"tilt": 0.04, "scale": 0.08}, 0.06, n, source="generated"),
        "adversarial": AdversarialEntry(0.412, "linf", 2 / 255, 0.5 / 255, 20, n),
        "ood": OODEntry(0.9734, 0.9688, 0.0931, n, 3 * n, source="noise"),
        "natural-shift": NaturalShiftEntry(0.6, 0.12, 200, 30_000, source="ImageNet-R"),
    }
    for key, entry in entries.items():
        results = results.with_entry(key, entry)
    return results


def changed(results, key, **values):
    """The results with other values in the first entry of a measurement."""
    entry = dataclasses.replace(results.entries[key][0], **values)
    return dataclasses.replace(results, entries={**results.entries, key: (entry,)})


def samples(size=32):
    """Images of every kind, each a shade of its own."""
    shades = iter(range(10, 250))

    def images(n):
        return [np.full((size, size, 3), next(shades), np.uint8) for _ in range(n)]

    return Samples(
        set_images=images(8),
        training_images=[TrainingImage(image, images(3)) for image in images(2)],
        of_sections={
            "corruptions:generated": dict(
                zip(("gaussian_noise", "jpeg_compression"), images(2), strict=True)
            )
        },
        mistakes=[
            Mistake(image, caption)
            for image, caption in zip(images(2), ("3, mistaken for 8", "<1> & 7"), strict=True)
        ],
    )


def write(folder, results):
    """Leave the figures where `fractalgen evaluate` does."""
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(results.to_json()))
    return folder

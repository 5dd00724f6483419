"""The figures of an evaluation in the order, and with the words, in which they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from fractalgen.evaluation.report.counts import count_of
from fractalgen.evaluation.results import (
    AdversarialResult,
    AnomalyResult,
    CleanResult,
    ConsistencyResult,
    CorruptionResult,
    NaturalShiftResult,
    Results,
)

__all__ = ["Figure", "Section", "percent", "sections", "spelled_out"]

_RMS = "How far confidence is from the share of right answers, over bins of equal mass."


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    key : str
        Names it among a section's, for programs.
    name : str
        Names it for people.
    value : float
        A share from 0 to 1 (relative to AlexNet's, more than 1 is possible).
    meaning : str
        A sentence for a newcomer; empty in details.
    higher_is_better : bool
        Otherwise lower is.
    detail : bool
        Whether it is one of many that a figure before it sums up.
    """

    key: str
    name: str
    value: float
    meaning: str = ""
    higher_is_better: bool = False
    detail: bool = False

    @property
    def better(self) -> str:
        """``lower`` or ``higher``."""
        return "higher" if self.higher_is_better else "lower"


@dataclass(frozen=True)
class Section:
    """What was measured together, on the same images.

    Attributes
    ----------
    key : str
        Names it among the sections of any evaluation, for programs.
    title : str
        Names it for people.
    conditions : str
        On how many images, and how; figures compare only where this is the same.
    figures : tuple of Figure
        At least one.
    """

    key: str
    title: str
    conditions: str
    figures: tuple[Figure, ...]


def sections(results: Results) -> tuple[Section, ...]:
    """Return what an evaluation measured; what it did not measure is absent."""
    n_test = results.clean.n
    parts = [_clean(results.clean)]
    parts += [_corruptions(result, n_test) for result in results.corruptions]
    if results.consistency is not None:
        parts.append(_consistency(results.consistency, n_test))
    if results.adversarial is not None:
        parts.append(_adversarial(results.adversarial, n_test))
    parts += [_anomaly(result, n_test) for result in results.anomalies]
    parts += [_natural_shift(result) for result in results.natural_shifts]
    return tuple(parts)


def percent(value: float, decimals: int = 2) -> str:
    """Write a share as a percentage."""
    return f"{100 * value:.{decimals}f}%"


def spelled_out(name: str) -> str:
    """Write a corruption's or perturbation's name as words."""
    words = name.replace("_", " ")
    return "JPEG" + words[4:] if words.startswith("jpeg") else words


def _clean(result: CleanResult) -> Section:
    figures = (
        Figure("error", "clean error", result.error, "Wrong answers on test images as they are."),
        Figure(
            "rms_calibration_error", "RMS calibration error", result.rms_calibration_error, _RMS
        ),
        Figure(
            "rms_calibration_error_public",
            "RMS calibration error, public code",
            result.rms_calibration_error_public,
            "The same without the most confident bin, as published figures of IPMix have it.",
        ),
    )
    return Section("clean", "Test images", count_of(result.n, "image"), figures)


def _corruptions(result: CorruptionResult, n_test: int) -> Section:
    figures = [
        Figure(
            "mean_error",
            "mean corruption error",
            result.mean_error,
            "Wrong answers on corrupted test images, the mean over kinds and severities.",
        )
    ]
    if result.normalized_error is not None:
        figures.append(
            Figure(
                "normalized_error",
                "mean corruption error, AlexNet 100%",
                result.normalized_error,
                "The same relative to AlexNet's errors, as is the custom for ImageNet-C.",
            )
        )
    figures.append(
        Figure(
            "rms_calibration_error",
            "RMS calibration error",
            result.rms_calibration_error,
            "As above, over all the corrupted images.",
        )
    )
    figures += _details({name: sum(errors) / len(errors) for name, errors in result.errors.items()})
    n_severities = max((len(errors) for errors in result.errors.values()), default=0)
    return Section(
        f"corruptions:{result.source}",
        f"Corruptions, {result.source}",
        f"{_of(result.n, n_test)}, {count_of(len(result.errors), 'kind')}, "
        f"{count_of(n_severities, 'severity', 'severities')}",
        tuple(figures),
    )


def _consistency(result: ConsistencyResult, n_test: int) -> Section:
    figure = Figure(
        "mean_flip_rate",
        "mean flip rate",
        result.mean_flip_rate,
        "How often the answer changes while an image slowly moves, turns or gets noisy.",
    )
    return Section(
        f"consistency:{result.source}",
        f"Perturbation sequences, {result.source}",
        f"{_of(result.n, n_test)}, {count_of(len(result.flip_rates), 'kind')}",
        (figure, *_details(result.flip_rates)),
    )


def _adversarial(result: AdversarialResult, n_test: int) -> Section:
    figure = Figure(
        "error",
        "error under PGD",
        result.error,
        "Wrong answers when each image is changed on purpose, within the bound above.",
    )
    return Section(
        "adversarial",
        "Adversarial images",
        f"{_norm(result.norm)} {_pixels(result.epsilon)}, {count_of(result.steps, 'step')} of "
        f"{_pixels(result.step_size)}, {_of(result.n, n_test)}",
        (figure,),
    )


def _norm(name: str) -> str:
    return {"linf": "L-inf", "l2": "L2"}.get(name.lower(), name)


def _pixels(size: float) -> str:
    """Write a size as people quote it, in 255ths."""
    return f"{round(255 * size, 3):g}/255"


def _anomaly(result: AnomalyResult, n_test: int) -> Section:
    figures = (
        Figure(
            "auroc",
            "AUROC",
            result.auroc,
            "How often an unknown image gets less confidence than a test image; chance is 50%.",
            higher_is_better=True,
        ),
        Figure(
            "aupr",
            "AUPR",
            result.aupr,
            "Area under precision and recall; chance is "
            f"{percent(result.n_unknown / max(1, result.n_known + result.n_unknown), 0)}.",
            higher_is_better=True,
        ),
        Figure(
            "fpr95",
            "FPR at 95% recall",
            result.fpr95,
            "Test images taken for unknown when 95% of the unknown ones are found.",
        ),
    )
    return Section(
        f"anomalies:{result.source}",
        f"Unknown images, {result.source}",
        f"{result.n_unknown:,} unknown, {_of(result.n_known, n_test)}",
        figures,
    )


def _natural_shift(result: NaturalShiftResult) -> Section:
    figures = (
        Figure("error", "error", result.error, "Wrong answers on images from elsewhere."),
        Figure("rms_calibration_error", "RMS calibration error", result.rms_calibration_error),
    )
    return Section(
        f"natural_shifts:{result.source}",
        f"Natural shift, {result.source}",
        f"{count_of(result.n, 'image')} of {count_of(result.n_classes, 'class', 'classes')}",
        figures,
    )


def _details(values: Mapping[str, float]) -> list[Figure]:
    return [Figure(name, spelled_out(name), value, detail=True) for name, value in values.items()]


def _of(n: int, n_test: int) -> str:
    """Say how many images, and of how many where a limit was set."""
    all_of_them = count_of(n_test, "test image")
    return f"{n:,} of {all_of_them}" if n < n_test else count_of(n, "test image")

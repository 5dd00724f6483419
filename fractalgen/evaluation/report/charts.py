"""Charts as inline SVG, in the colours of the page around them."""

import math
from collections.abc import Sequence
from html import escape

from fractalgen.evaluation.report.sections import percent
from fractalgen.evaluation.results import CalibrationBin

__all__ = ["bar", "reliability_diagram", "scale_top", "severity_bars"]

N_BINS = 15
"""Of the reliability diagram, of equal width, as `CleanResult` has them."""

_HEIGHT = 48.0
_STEP = 22.0
_BAR = 18.0


def scale_top(values: Sequence[float]) -> float:
    """Return a round number at or above the largest of some shares: 10%, 20%, ... 100%."""
    return min(1.0, max(0.1, math.ceil(10 * max(values, default=0.0) - 1e-9) / 10))


def severity_bars(errors: Sequence[float], clean_error: float, top: float) -> str:
    """Draw the errors by severity, with a dashed line at the clean error.

    Parameters
    ----------
    errors : sequence of float
        From the mildest severity on, shares.
    clean_error : float
        A share.
    top : float
        The share that fills the height.
    """
    width = len(errors) * _STEP - (_STEP - _BAR)
    bars = []
    for index, error in enumerate(errors):
        height = max(0.75, min(1.0, error / top) * _HEIGHT)
        opacity = 0.4 + 0.6 * (index + 1) / len(errors)
        bars.append(
            f'<rect x="{index * _STEP:g}" y="{_HEIGHT - height:.2f}" width="{_BAR:g}"'
            f' height="{height:.2f}" opacity="{opacity:.2f}"/>'
        )
    line = _HEIGHT - min(1.0, clean_error / top) * _HEIGHT
    spoken = ", ".join(percent(error, 1) for error in errors)
    return (
        f'<svg class="bars" viewBox="0 0 {width:g} {_HEIGHT:g}" role="img"'
        f' aria-label="Error by severity: {spoken}">{"".join(bars)}'
        f'<path class="clean" d="M0 {line:.2f}H{width:g}"/>'
        f'<path class="axis" d="M0 {_HEIGHT:g}H{width:g}"/></svg>'
    )


def bar(value: float, top: float) -> str:
    """Draw one bar from left to right; the number stands beside it in the text."""
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{100 * min(1.0, value / top):.2f}" height="10"/></svg>'
    )


def reliability_diagram(bins: Sequence[CalibrationBin]) -> str:
    """Draw accuracy against confidence, and below it how many predictions have that confidence.

    Parameters
    ----------
    bins : sequence of CalibrationBin
        Of fifteen equal widths; a bin's place follows from its confidence.
    """
    left, right, top, bottom = 44.0, 344.0, 10.0, 310.0
    side = right - left
    n = sum(item.n for item in bins)
    most = max((item.n / n for item in bins), default=1.0)
    histogram_bottom, histogram_height = 384.0, 56.0
    accuracy, counts = [], []
    for item in bins:
        place = min(N_BINS - 1, int(item.confidence * N_BINS))
        x, width = left + side * place / N_BINS + 1, side / N_BINS - 2
        height = side * item.accuracy
        share = item.n / n
        label = escape(
            f"confidence {percent(item.confidence, 1)}, right {percent(item.accuracy, 1)},"
            f" {item.n:,} predictions"
        )
        accuracy.append(
            f'<rect x="{x:.1f}" y="{bottom - height:.1f}" width="{width:.1f}"'
            f' height="{height:.1f}"><title>{label}</title></rect>'
        )
        height = max(0.75, histogram_height * share / most)
        counts.append(
            f'<rect class="count" x="{x:.1f}" y="{histogram_bottom - height:.1f}"'
            f' width="{width:.1f}" height="{height:.1f}"><title>{label}</title></rect>'
        )
    labels = [
        (left - 8, bottom - side * share + 4, "end", percent(share, 0)) for share in (0, 0.5, 1)
    ] + [
        (left + side * share, histogram_bottom + 17, anchor, percent(share, 0))
        for share, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
    ]
    texts = "".join(
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{text}</text>'
        for x, y, anchor, text in labels
    )
    return (
        '<svg class="reliability" viewBox="0 0 352 406" role="img" aria-label="Reliability '
        'diagram: how often predictions are right, by their confidence">'
        f'<path class="grid" d="M{left} {top}H{right}M{left} {(top + bottom) / 2}H{right}"/>'
        f"{''.join(accuracy)}{''.join(counts)}"
        f'<path class="axis" d="M{left} {bottom}H{right}M{left} {histogram_bottom}H{right}"/>'
        f'<path class="ideal" d="M{left} {bottom}L{right} {top}"/>{texts}</svg>'
    )

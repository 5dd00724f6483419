"""An evaluation as one page of HTML that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.report.charts import (
    bar,
    reliability_diagram,
    scale_top,
    severity_bars,
)
from fractalgen.evaluation.report.counts import count_of
from fractalgen.evaluation.report.gallery import galleries
from fractalgen.evaluation.report.images import Samples, img
from fractalgen.evaluation.report.names import written
from fractalgen.evaluation.report.origin import origin
from fractalgen.evaluation.report.sections import Figure, Section, percent, sections, spelled_out
from fractalgen.evaluation.report.style import STYLE
from fractalgen.evaluation.results import CleanResult, ConsistencyResult, CorruptionResult, Results

__all__ = ["Samples", "page"]

_SHORT = 24

_Images = Mapping[str, NDArray[np.uint8]]
_Severities = Sequence[int]


def page(results: Results, samples: Samples | None = None) -> str:
    """Return an evaluation as a page.

    Parameters
    ----------
    results : Results
        What was not measured is absent from the page.
    samples : Samples, optional
        Images, which become part of the page.

    Returns
    -------
    str
        HTML, in UTF-8 when written; no script, and nothing is fetched from elsewhere.
    """
    samples = samples or Samples()
    shown = sections(results)
    names = [written(str(results.config.get(key, ""))) for key in ("dataset", "model", "method")]
    names = [name for name in names if name] or [results.run]
    title = ", ".join(names)
    parts = [
        _header(names, results),
        _lead(shown),
        _table(shown),
        *_corruption_parts(results, samples),
        _reliability(results.clean),
        _flips(results.consistency),
        galleries(samples),
        _all_errors(results.corruptions),
        origin(results),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}: evaluation</title>\n"
        f'<link rel="icon" href="data:,">\n<style>{STYLE}</style>\n</head>\n<body>\n'
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def _header(names: Iterable[str], results: Results) -> str:
    details = []
    if results.config.get("seed") is not None:
        details.append(f"Seed {results.config['seed']}")
    if results.checkpoint.get("name") is not None:
        details.append(f"{results.checkpoint['name']} checkpoint")
    if results.checkpoint.get("epoch") is not None:
        details.append(f"epoch {results.checkpoint['epoch']}")
    details.append(count_of(results.clean.n, "test image"))
    title = ", ".join(
        f"<span>{escape(name)}</span>" if len(name) <= _SHORT else escape(name) for name in names
    )
    return (
        f'<header>\n<p class="kicker">Evaluation</p>\n<h1>{title}</h1>\n'
        f"<p>{escape(', '.join(details))}</p>\n</header>"
    )


def _lead(shown: Iterable[Section]) -> str:
    """Set the figures that a reader looks for first in large numerals."""
    items: list[Figure] = []
    for section in shown:
        kind = section.key.partition(":")[0]
        if kind == "clean":
            items += section.figures[:2]
        elif kind in ("corruptions", "consistency", "adversarial"):
            items.append(section.figures[0])
    return (
        '<dl class="lead">\n'
        + "\n".join(
            f"<div><dt>{escape(figure.name)}</dt><dd>{percent(figure.value, 1)}</dd></div>"
            for figure in items
        )
        + "\n</dl>"
    )


def _table(shown: Iterable[Section]) -> str:
    return (
        '<section>\n<h2>What was measured</h2>\n<table class="figures">\n'
        + "\n".join(_table_part(section) for section in shown)
        + "\n</table>\n</section>"
    )


def _table_part(section: Section) -> str:
    rows = "\n".join(_row(figure) for figure in section.figures if not figure.detail)
    return (
        f'<tbody>\n<tr><th scope="rowgroup" colspan="2"><strong>{escape(section.title)}</strong>'
        f' <span class="conditions">{escape(section.conditions)}</span></th></tr>\n{rows}\n</tbody>'
    )


def _row(figure: Figure) -> str:
    meaning = f"<small>{escape(figure.meaning)}</small>" if figure.meaning else ""
    return (
        f'<tr><th scope="row">{escape(figure.name)}{meaning}</th>'
        f"<td>{percent(figure.value)}<small>{figure.better} is better</small></td></tr>"
    )


def _corruption_parts(results: Results, samples: Samples) -> list[str]:
    """Return a part for each result, with the images of its source."""
    own = samples.corruptions
    return [
        _corruptions(result, results.clean.error, own.get(result.source, {}), samples.severities)
        for result in results.corruptions
    ]


def _corruptions(
    result: CorruptionResult, clean_error: float, images: _Images, severities: _Severities
) -> str:
    top = scale_top([error for errors in result.errors.values() for error in errors])
    cards = []
    for name, errors in result.errors.items():
        mean = percent(sum(errors) / len(errors), 1)
        cards.append(
            f'<figure class="card"><figcaption><span>{escape(spelled_out(name))}</span>'
            f"<span>{mean}</span></figcaption>{_corrupted(name, images, severities)}"
            f"{severity_bars(errors, clean_error, top)}</figure>"
        )
    shown = f" {_severities(severities)}" if images else ""
    return (
        f"<section>\n<h2>Error by corruption, {escape(result.source)}</h2>\n"
        '<p class="note">Bars: the error from the mildest severity to the harshest; their full '
        f"height is {percent(top, 0)}. Dashed line: the clean error. Beside each name, its "
        f"mean.{shown}</p>\n"
        '<div class="cards">\n' + "\n".join(cards) + "\n</div>\n</section>"
    )


def _corrupted(name: str, images: _Images, severities: _Severities) -> str:
    if name not in images:
        return ""
    target = 96 if len(severities) == 1 else 32
    shown = [
        img(image, f"{spelled_out(name)}, severity {severity}", target)
        for severity, image in zip(severities, images[name], strict=True)
    ]
    return f'<div class="images">{"".join(shown)}</div>'


def _severities(severities: _Severities) -> str:
    numbers = ", ".join(str(severity) for severity in severities)
    word = "severity" if len(severities) == 1 else "severities"
    return f"The images show one test image at {word} {numbers}."


def _reliability(clean: CleanResult) -> str:
    bins = clean.reliability
    n = sum(item.n for item in bins)
    if not n:
        return ""
    confidence = percent(sum(item.confidence * item.n for item in bins) / n, 1)
    accuracy = percent(sum(item.accuracy * item.n for item in bins) / n, 1)
    return (
        '<section class="beside">\n<div>\n<h2>Calibration</h2>\n'
        '<p class="note">Each bar holds the predictions of about the same confidence (from left '
        "to right) and shows how many of them are right. On the dashed line, confidence is what it "
        "claims to be; bars below it are overconfident. Underneath, how many predictions have "
        f"that confidence. On average, the model is {confidence} sure and {accuracy} right.</p>\n"
        f"</div>\n{reliability_diagram(clean.reliability)}\n</section>"
    )


def _flips(result: ConsistencyResult | None) -> str:
    if result is None or not result.flip_rates:
        return ""
    top = max(result.flip_rates.values()) or 1.0
    rows = "\n".join(
        f'<tr><th scope="row">{escape(spelled_out(name))}</th><td>{bar(rate, top)}</td>'
        f"<td>{percent(rate)}</td></tr>"
        for name, rate in result.flip_rates.items()
    )
    return (
        f"<section>\n<h2>Flip rate by perturbation, {escape(result.source)}</h2>\n"
        '<p class="note">How often the answer changes from one frame to the next; under noise, '
        f'from the first frame.</p>\n<table class="flips"><tbody>\n{rows}\n</tbody></table>\n'
        "</section>"
    )


def _all_errors(results: Iterable[CorruptionResult]) -> str:
    return "\n".join(_error_table(result) for result in results)


def _error_table(result: CorruptionResult) -> str:
    n = max((len(errors) for errors in result.errors.values()), default=0)
    head = "".join(f'<th scope="col">{severity}</th>' for severity in range(1, n + 1))
    rows = "\n".join(
        f'<tr><th scope="row">{escape(spelled_out(name))}</th>'
        + "".join(f"<td>{percent(error, 1)}</td>" for error in errors)
        + f"<td>{percent(sum(errors) / len(errors), 1)}</td></tr>"
        for name, errors in result.errors.items()
    )
    title = escape(f"All corruption errors, {result.source}")
    return (
        f'<section>\n<h2>{title}</h2>\n<p class="note">By severity.</p>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">\n<table>\n'
        f'<thead><tr><th scope="col">corruption</th>{head}<th scope="col">mean</th></tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table>\n</div>\n</section>"
    )

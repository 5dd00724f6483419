"""An evaluation as one page of HTML that needs nothing else."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2

from fractalgen.evaluation.measurements import MEASUREMENTS
from fractalgen.evaluation.report.samples import Samples, data_uri
from fractalgen.evaluation.results import Results
from fractalgen.evaluation.wording import count_of, display_name, percent, spelled_out

__all__ = ["environment", "page", "scale_top"]


def page(results: Results, samples: Samples | None = None) -> str:
    """Return an evaluation as a page of HTML without scripts that fetches nothing."""
    samples = samples or Samples()
    config = results.config
    names = [display_name(str(config.get(key, ""))) for key in ("dataset", "model", "method")]
    entries = [
        {
            "entry": entry,
            "template": environment().get_template(measurement.template).module,
            "images": samples.of_sections.get(measurement.section_key(entry), {}),
        }
        for key, measurement in MEASUREMENTS.items()
        if measurement.template is not None
        for entry in results.entries.get(key, ())
    ]
    return (
        environment()
        .get_template("page.html")
        .render(
            names=[name for name in names if name] or [results.run],
            details=_details(results),
            results=results,
            entries=entries,
            samples=samples,
            origin=_origin(results),
        )
    )


@functools.cache
def environment() -> jinja2.Environment:
    """Return the environment in which the templates are rendered."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("fractalgen.evaluation.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "data_uri": data_uri,
        "percent": percent,
        "plain": _plain,
        "scale_top": scale_top,
        "spelled_out": spelled_out,
    }
    return made


def scale_top(values: Iterable[float]) -> float:
    """Return a round number at or above the largest of some shares: 10%, 20%, ... 100%."""
    return min(1.0, max(0.1, math.ceil(10 * max(values, default=0.0) - 1e-9) / 10))


def _details(results: Results) -> list[str]:
    seed, checkpoint = results.config.get("seed"), results.checkpoint
    details = [
        None if seed is None else f"Seed {seed}",
        None if checkpoint.get("name") is None else f"{checkpoint['name']} checkpoint",
        None if checkpoint.get("epoch") is None else f"epoch {checkpoint['epoch']}",
        count_of(results.n_test, "test image"),
    ]
    return [detail for detail in details if detail is not None]


def _origin(results: Results) -> dict[str, Mapping[str, Any]]:
    """Return what the figures come from, in groups."""
    files: dict[str, Any] = {"run": results.run}
    files |= {f"checkpoint {key}": value for key, value in results.checkpoint.items()}
    if results.set_digest is not None:
        files["mixing set digest"] = results.set_digest
    return {
        "Run": files,
        "Configuration": _flat(results.config),
        "Last evaluation": results.options,
        "Versions": results.versions,
    }


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Name nested values by their keys, one after another."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{key} {inner}": item for inner, item in _flat(value).items()}
        else:
            flat[key] = value
    return flat


def _plain(value: Any) -> str:
    """Write a value as people would; JSON if it is nested."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)) and not any(
        isinstance(each, (list, dict)) for each in value
    ):
        return ", ".join(_plain(each) for each in value) or "none"
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)

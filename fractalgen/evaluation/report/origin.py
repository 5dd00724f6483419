"""The end of the page: what the figures come from."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from fractalgen.evaluation.results import Results

__all__ = ["origin"]


def origin(results: Results) -> str:
    """Set a run's configuration, checkpoint and versions in a quiet table."""
    files: dict[str, Any] = {"run": results.run}
    files |= {f"checkpoint {key}": value for key, value in results.checkpoint.items()}
    if results.set_digest is not None:
        files["mixing set digest"] = results.set_digest
    groups = {
        "Run": files,
        "Configuration": _flat(results.config),
        "Last evaluation": results.options,
        "Versions": results.versions,
    }
    body = "\n".join(_group(title, values) for title, values in groups.items() if values)
    return (
        f'<section>\n<h2>Where this comes from</h2>\n<table class="origin">\n{body}\n'
        "</table>\n</section>"
    )


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Name what is nested by its keys, one after another."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{key} {inner}": item for inner, item in _flat(value).items()}
        else:
            flat[key] = value
    return flat


def _group(title: str, values: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{escape(key.replace("_", " "))}</th>'
        f"<td>{escape(_text(value))}</td></tr>"
        for key, value in values.items()
    )
    return f'<tbody>\n<tr><th scope="rowgroup" colspan="2">{title}</th></tr>\n{rows}\n</tbody>'


def _text(value: Any) -> str:
    """Write a value as people would; JSON for what is nested."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)) and all(
        not isinstance(item, (list, dict)) for item in value
    ):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)

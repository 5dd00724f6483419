"""The options of the measurements, for the commands that measure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from fractalgen.cli import options
from fractalgen.cli.group import PlainCommand

if TYPE_CHECKING:
    from fractalgen.evaluation.measurements.measurement import Option

__all__ = ["MeasuringCommand"]


class MeasuringCommand(PlainCommand):
    """Adds the options of all measurements before --images, and loads them only when needed."""

    default_texts: ClassVar[dict[str, str]] = {}
    """Other texts for the defaults of some options, by name."""

    _measurement_options: list[click.Parameter] | None = None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's parameters, with those of the measurements."""
        if self._measurement_options is None:
            from fractalgen.evaluation.measurements import MEASUREMENTS

            self._measurement_options = [
                _click_option(declared, self.default_texts.get(declared.name))
                for measurement in MEASUREMENTS.values()
                for declared in measurement.options.declared()
            ]
        params = super().get_params(ctx)
        place = [param.name for param in params].index("images")
        return [*params[:place], *self._measurement_options, *params[place:]]


def _click_option(declared: Option, default_text: str | None) -> click.Option:
    default_text = default_text or declared.default_text
    kinds: dict[type, Any] = {
        int: click.IntRange(min=declared.minimum),
        float: click.FloatRange(min=declared.minimum),
        str: click.Choice(declared.choices) if declared.choices else str,
        Path: options.PATH,
    }
    text = declared.help
    if default_text is not None:
        text += f"  [default: {default_text}]"
    return click.Option(
        [declared.flag, declared.name],
        type=kinds[declared.type],
        multiple=declared.multiple,
        default=declared.default,
        show_default=default_text is None,
        metavar=declared.metavar,
        help=text,
    )

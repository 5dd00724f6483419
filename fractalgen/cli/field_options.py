"""Options made from the fields of a dataclass, such as a family's or a training method's."""

import dataclasses
import inspect
import re
import typing
from typing import Any

import click

from fractalgen.cli.options import Names

__all__ = ["of_fields"]


class _WordOrNames(Names):
    """A single word, or comma-separated names and whole numbers."""

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Any:
        names = super().convert(value, param, ctx)
        if len(names) == 1 and "," not in str(value) and not names[0].isdigit():
            return names[0]
        return tuple(int(name) if name.isdigit() else name for name in names)


def of_fields(kind: Any, *, optional: bool = False) -> list[click.Option]:
    """Make an option for each field of a dataclass, with the help text from its docstring.

    Fields are numbers, strings, booleans (``--x/--no-x``), sequences of strings (comma-separated
    names), or a word or such a sequence. An `optional` option is None unless it is given. A field
    with the metadata ``source``, a class and a field's name, has the help text of that field.
    """
    hints = typing.get_type_hints(kind)
    made = []
    for field in dataclasses.fields(kind):
        flag = f"--{field.name.replace('_', '-')}"
        default: Any = field.default
        source, name = field.metadata.get("source", (kind, field.name))
        text, shown = _about_fields(source).get(name, ""), str(default)
        lists = "Sequence" in str(hints[field.name]) or "tuple" in str(hints[field.name])
        parse: Any = type(field.default)
        if parse is bool:
            shown = flag[2:] if field.default else f"no-{flag[2:]}"
            flag = f"{flag}/--no-{flag[2:]}"
        elif lists:
            parse = _WordOrNames() if isinstance(field.default, str) else Names()
            shown = shown if isinstance(field.default, str) else ",".join(map(str, default))
        elif field.default is None:
            known = typing.get_args(hints[field.name])
            parse, shown = next(one for one in known if one is not type(None)), ""
        made.append(
            click.Option(
                [flag],
                type=parse,
                default=None if optional else field.default,
                show_default=not optional,
                help=f"{text}  [default: {shown}]" if optional and shown else text,
            )
        )
    return made


def _about_fields(kind: Any) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say about its fields."""
    about: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        entries = re.findall(r"(?m)^(\w+) : .*\n((?:    .*\n?)+)", inspect.getdoc(base) or "")
        about |= {name: " ".join(text.split()).replace("`", "") for name, text in entries}
    return about

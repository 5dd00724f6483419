"""A training method with options, written on one line: ``ipmix:levels=image+patch:jsd=false``."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import inspect
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fractalgen.errors import RunUsageError
from fractalgen.methods import METHODS, find_method
from fractalgen.registry import nearest
from fractalgen.training.config import Config, configure

__all__ = ["ALL", "Variant", "parse_all", "slug"]

ALL = "all"

_FIXED = ("dataset", "model", "method", "seed", "weights", "options")
_MAX_SLUG = 60


@dataclass(frozen=True)
class Variant:
    """A method, its options, and settings of training that replace those of the comparison.

    Attributes
    ----------
    method : str
        A name in `fractalgen.methods.METHODS`.
    options : tuple of (str, object) pairs
        Options of the method, such as ``jsd`` or ``levels``, and of
        `fractalgen.training.config.configure`, such as ``epochs`` or ``recipe``.
    label : str
        The name in tables; by default the text of the variant.
    set_folder : str or None
        The only mixing set to train with; None for the comparison's.
    """

    method: str
    options: tuple[tuple[str, Any], ...] = ()
    label: str = ""
    set_folder: str | None = None

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.text)

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read ``METHOD[:OPTION=VALUE]...``; lists have ``+`` between their items.

        Raises
        ------
        RunUsageError
            If the text has another form, or the method or an option is unknown.
        """
        method, *pairs = (part.strip() for part in text.split(":"))
        kind = find_method(method)
        fields = typing.get_type_hints(kind)
        settings = typing.get_type_hints(configure)
        methods_own = [field.name for field in dataclasses.fields(kind)]
        general = [name for name in inspect.signature(configure).parameters if name not in _FIXED]
        options: dict[str, Any] = {}
        for pair in pairs:
            name, equals, value = pair.partition("=")
            name = name.strip().replace("-", "_")
            if not equals or not value.strip():
                raise RunUsageError(
                    f"'{pair}' in '{text}' must be OPTION=VALUE, as in 'ipmix:jsd=false:k=4'"
                )
            if name not in methods_own and name not in general:
                hint = nearest(name, [*methods_own, *general])
                raise RunUsageError(f"'{text}': {method} has no option '{name}': {hint}")
            if name in options:
                raise RunUsageError(f"'{text}' gives {name} twice")
            hint_of = fields[name] if name in methods_own else settings[name]
            options[name] = _value(value.strip(), str(hint_of))
        return cls(method, tuple(options.items()), text.strip())

    @property
    def text(self) -> str:
        """The variant as `parse` reads it."""
        return ":".join(
            [self.method, *(f"{name}={_written(value)}" for name, value in self.options)]
        )

    def config(self, common: Mapping[str, Any]) -> Config:
        """Return a run's configuration; the variant's own options come before `common`.

        Raises
        ------
        RunUsageError
            If an option is unknown or out of range; the message names the variant.
        """
        find_method(self.method)
        try:
            return configure(**{**common, **dict(self.options), "method": self.method})
        except RunUsageError as error:
            if not self.options:
                raise
            raise RunUsageError(f"{self.text}: {error}") from None


def parse_all(texts: Iterable[str], methods: Iterable[str] = METHODS) -> tuple[Variant, ...]:
    """Read several variants; ``all`` stands for every method, or for those in `methods`."""
    found: list[Variant] = []
    for text in texts:
        found += map(Variant.parse, methods if text.strip() == ALL else [text])
    return tuple(found)


def _value(text: str, hint: str) -> Any:
    """Read a value for a field of a type: a list where the type is one, else a scalar."""
    is_list = "Sequence" in hint or "tuple" in hint
    if is_list and ("+" in text or not hint.startswith("str")):
        return tuple(_scalar(item) for item in text.split("+"))
    if "float" in hint and isinstance(_scalar(text), int):
        return float(text)
    return _scalar(text)


def _scalar(text: str) -> Any:
    words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    if text.lower() in words:
        return words[text.lower()]
    if re.fullmatch(r"[+-]?[0-9]+", text):
        return int(text)
    with contextlib.suppress(ValueError):
        return float(text)
    return text


def _written(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def slug(text: str) -> str:
    """Return a text as part of a file's name: letters, digits, dots and hyphens.

    A long one is cut, and ends with 8 digits that depend on the whole text.
    """
    plain = re.sub(r"[^0-9A-Za-z.]+", "-", text).strip("-.") or "x"
    if len(plain) <= _MAX_SLUG:
        return plain
    return f"{plain[:_MAX_SLUG].rstrip('-.')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

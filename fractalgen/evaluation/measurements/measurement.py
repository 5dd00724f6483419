"""What every measurement has: options, a plan, entries, and figures to show."""

from __future__ import annotations

import dataclasses
import math
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import RunUsageError
from fractalgen.registry import nearest

if TYPE_CHECKING:
    from fractalgen.evaluation.evaluated_model import EvaluatedModel

__all__ = [
    "NONE",
    "Entry",
    "Figure",
    "Measured",
    "Measurement",
    "Option",
    "Options",
    "Section",
    "count_of",
    "detail_figures",
    "folder_names",
    "of_test_images",
    "option",
    "percent",
    "spelled_out",
]

NONE = "none"
"""The value that leaves a measurement out, of options that name sources."""


@dataclass(frozen=True)
class Option:
    """A declared option; `type` is int, float, str or Path, `multiple` allows several values."""

    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    default_text: str | None = None
    name: str = ""
    type: type = str
    multiple: bool = False
    default: Any = None

    @property
    def flag(self) -> str:
        """How the command line writes it."""
        return "--" + self.name.replace("_", "-")


def option(default: Any, help: str, **restrictions: Any) -> Any:  # noqa: A002 - as Click calls it
    """Declare a field of `Options`, from which the command line's option is made.

    `help` says what the option does. `metavar` and `default_text` are how the help page writes the
    value and a default that is not plain; `choices` and `minimum` restrict the values.
    """
    return field(default=default, metadata={"option": Option(help, **restrictions)})


@dataclass(frozen=True)
class Options:
    """The options of a measurement: a subclass declares each with `option`.

    A single value stands for a tuple of one, and a string for a path.

    Raises
    ------
    RunUsageError
        If a value is out of its range, given twice, or does not go together with another.
    """

    def __post_init__(self) -> None:
        for declared in self.declared():
            value = getattr(self, declared.name)
            if declared.multiple:
                several = (value,) if isinstance(value, (str, Path)) else value
                value = tuple(declared.type(one) for one in several)
                _check_several(declared.flag, value)
            elif value is not None and declared.type is Path:
                value = Path(value)
            elif value is not None:
                _check_value(declared, value)
            object.__setattr__(self, declared.name, value)

    @classmethod
    def declared(cls) -> tuple[Option, ...]:
        """Return the options in the order of the class."""
        hints = typing.get_type_hints(cls)
        found = []
        for each in dataclasses.fields(cls):
            hint = hints[each.name]
            multiple = typing.get_origin(hint) is tuple
            kinds = [kind for kind in typing.get_args(hint) if kind not in (type(None), ...)]
            kind = kinds[0] if kinds else hint
            typed = {"type": kind, "multiple": multiple, "default": each.default}
            found.append(dataclasses.replace(each.metadata["option"], name=each.name, **typed))
        return tuple(found)


def _check_several(flag: str, values: Sequence[Any]) -> None:
    if NONE in values and len(values) > 1:
        other = next(value for value in values if value != NONE)
        raise RunUsageError(f"{flag} {NONE} does not go together with {flag} {other}")
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise RunUsageError(f"{flag} {twice} is given twice")


def _check_value(declared: Option, value: Any) -> None:
    if declared.choices and value not in declared.choices:
        hint = nearest(str(value), list(declared.choices))
        raise RunUsageError(f"{declared.flag} cannot be '{value}': {hint}")
    if declared.minimum is not None and not declared.minimum <= value < math.inf:
        raise RunUsageError(f"{declared.flag} must be {declared.minimum} or more, not {value}")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The figures on one source of images; a subclass's fields are what metrics.json keeps.

    Attributes
    ----------
    source : str
        What the table calls the source; empty where there is only one. An entry replaces that of
        the same measurement and source.
    """

    source: str = ""


@dataclass(frozen=True)
class Measured:
    """An entry, and samples for the page: uint8 images (size, size, 3) by name."""

    entry: Entry
    images: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    key : str
        Names it within its section, for programs.
    name : str
        Names it for people.
    value : float
        A share from 0 to 1; relative to AlexNet's it can be more.
    meaning : str
        A sentence for a newcomer; empty in details.
    higher_is_better : bool
        Otherwise lower is.
    detail : bool
        Whether it is one of many that another figure sums up.
    main : bool
        Whether it is one of those that a reader looks for first.
    """

    key: str
    name: str
    value: float
    meaning: str = ""
    higher_is_better: bool = False
    detail: bool = False
    main: bool = False

    @property
    def better(self) -> str:
        """``lower`` or ``higher``."""
        return "higher" if self.higher_is_better else "lower"


@dataclass(frozen=True)
class Section:
    """An entry as it is shown: `conditions` says on what and how it was measured."""

    title: str
    conditions: str
    figures: tuple[Figure, ...]


OptionsT = TypeVar("OptionsT", bound=Options)
EntryT = TypeVar("EntryT", bound=Entry)


class Measurement(ABC, Generic[OptionsT, EntryT]):
    """Something that an evaluation measures.

    Attributes
    ----------
    key : str
        Names it in the registry and in metrics.json.
    options : type
        Its `Options`. The names of options are unique over all measurements.
    entry : type
        Its `Entry`: a frozen dataclass of numbers, strings, tuples, dictionaries and dataclasses
        of these.
    template : str or None
        A template in ``report/templates`` whose macros ``section`` and, if there is one,
        ``appendix`` show an entry on the page. All measurements stand in the page's table of
        figures anyway.
    """

    key: ClassVar[str]
    options: type[OptionsT]
    entry: type[EntryT]
    template: ClassVar[str | None] = None

    @abstractmethod
    def plan(self, model: EvaluatedModel, options: OptionsT) -> Sequence[Callable[[], Measured]]:
        """Open and check everything that is needed, and return what measures each source.

        Raises
        ------
        RunError
            If something is missing or damaged. Nothing has been measured then.
        """

    @abstractmethod
    def section(self, entry: EntryT, n_test: int) -> Section:
        """Return the figures of an entry; `n_test` is the size of the test set."""

    def distributions(self, options: OptionsT) -> tuple[str, ...]:
        """Return the Python distributions on which the figures depend, besides PyTorch's."""
        return ()

    def section_key(self, entry: Entry) -> str:
        """Return what names the section of an entry, for programs."""
        return f"{self.key}:{entry.source}" if entry.source else self.key


def folder_names(folders: Sequence[str | Path], taken: Collection[str] = ()) -> tuple[str, ...]:
    """Return what the table calls each folder.

    That is its own name, such as ``CIFAR-10-C``; or its path as it was given, if another folder has
    that name too, or it is among those `taken`.
    """
    own = [Path(folder).expanduser().resolve().name for folder in folders]
    names = []
    for folder, name in zip(folders, own, strict=True):
        if name and name not in taken and own.count(name) == 1:
            names.append(name)
        elif str(folder) in taken:
            names.append(str(Path(folder).resolve()))
        else:
            names.append(str(folder))
    return tuple(names)


def detail_figures(values: Mapping[str, float]) -> list[Figure]:
    """Return a detail for each corruption or perturbation."""
    return [Figure(name, spelled_out(name), value, detail=True) for name, value in values.items()]


def of_test_images(n: int, n_test: int) -> str:
    """Say how many test images were measured, and of how many if there was a limit."""
    all_of_them = count_of(n_test, "test image")
    return f"{n:,} of {all_of_them}" if n < n_test else count_of(n, "test image")


def count_of(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun, such as ``1 kind`` or ``1,000 kinds``."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def percent(value: float, decimals: int = 2) -> str:
    """Write a share as a percentage."""
    return f"{100 * value:.{decimals}f}%"


def spelled_out(name: str) -> str:
    """Write a corruption's or perturbation's name as words."""
    words = name.replace("_", " ")
    return "JPEG" + words[4:] if words.startswith("jpeg") else words

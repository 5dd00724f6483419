"""The interface of measurements: options, a plan, entries, and figures to show."""

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
"""The value of source options that skips a measurement."""


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
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")


def option(default: Any, help: str, **restrictions: Any) -> Any:  # noqa: A002 - as Click calls it
    """Declare a field of `Options`, from which the command line's option is made.

    `help` says what the option does. The help page shows `metavar` for the value and
    `default_text` for a default that is not a plain value. `choices` and `minimum` restrict the
    values.
    """
    return field(default=default, metadata={"option": Option(help, **restrictions)})


@dataclass(frozen=True)
class Options:
    """The options of a measurement; subclasses declare them with `option`.

    A single value is accepted for a tuple, and a string for a path.

    Raises
    ------
    RunUsageError
        If a value is out of range, given twice, or contradicts another.
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
        """Return the options, in the order of the class."""
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
        raise RunUsageError(f"{flag} {NONE} cannot be combined with {flag} {other}")
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
    """The figures for one source of images. metrics.json stores the fields of the subclass.

    Attributes
    ----------
    source : str
        The source's name in the table; empty if there is only one. An entry replaces an earlier
        one of the same measurement and source.
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
        Identifier within its section, for programs.
    name : str
        Name to show.
    value : float
        A share from 0 to 1, which can be above 1 if relative to AlexNet's, or another number.
    meaning : str
        An explanation for newcomers; empty for details.
    higher_is_better : bool or None
        If False, lower is better; if None, neither is.
    detail : bool
        Whether another figure summarises it.
    main : bool
        Whether it belongs to the headline figures.
    is_share : bool
        Whether to show the value in percent; otherwise as a number with two more decimals.
    """

    key: str
    name: str
    value: float
    meaning: str = ""
    higher_is_better: bool | None = False
    detail: bool = False
    main: bool = False
    is_share: bool = True

    def shown(self, decimals: int = 2, value: float | None = None) -> str:
        """Format the value, or another value of this figure."""
        number = self.value if value is None else value
        return percent(number, decimals) if self.is_share else f"{number:.{decimals + 2}f}"

    @property
    def better(self) -> str:
        """``lower``, ``higher`` or ``neither``."""
        if self.higher_is_better is None:
            return "neither"
        return "higher" if self.higher_is_better else "lower"


@dataclass(frozen=True)
class Section:
    """An entry for display; `conditions` says on which images and how it was measured."""

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
        Its name in the registry and in metrics.json.
    options : type
        Its `Options`. Names of options are unique across all measurements.
    entry : type
        Its `Entry`: a frozen dataclass of numbers, strings, tuples, dictionaries and dataclasses
        of these.
    template : str or None
        A template in ``report/templates`` whose macros ``section`` and (optional) ``appendix``
        show an entry in the report. The report's table has the figures of all measurements anyway.
    """

    key: ClassVar[str]
    options: type[OptionsT]
    entry: type[EntryT]
    template: ClassVar[str | None] = None

    @abstractmethod
    def plan(self, model: EvaluatedModel, options: OptionsT) -> Sequence[Callable[[], Measured]]:
        """Open and check all inputs, and return a callable for each source that measures it.

        Raises
        ------
        RunError
            If an input is missing or damaged; nothing has been measured yet.
        """

    @abstractmethod
    def section(self, entry: EntryT, n_test: int) -> Section:
        """Return the figures of an entry; `n_test` is the number of test images."""

    def distributions(self, options: OptionsT) -> tuple[str, ...]:
        """Return the Python distributions that the figures depend on, besides PyTorch's."""
        return ()

    def section_key(self, entry: Entry) -> str:
        """Return an identifier for the section of an entry."""
        return f"{self.key}:{entry.source}" if entry.source else self.key


def folder_names(folders: Sequence[str | Path], taken: Collection[str] = ()) -> tuple[str, ...]:
    """Return the name of each folder in the table.

    This is its own name, such as ``CIFAR-10-C``, or its path as given if another folder has the
    same name or the name is in `taken`.
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
    """Say how many test images were measured, and the total if there was a limit."""
    all_of_them = count_of(n_test, "test image")
    return f"{n:,} of {all_of_them}" if n < n_test else count_of(n, "test image")


def count_of(n: int, one: str, many: str | None = None) -> str:
    """Format a count with its noun, such as ``1 kind`` or ``1,000 kinds``."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def percent(value: float, decimals: int = 2) -> str:
    """Format a share as a percentage."""
    return f"{100 * value:.{decimals}f}%"


def spelled_out(name: str) -> str:
    """Return the name of a corruption or perturbation as words."""
    words = name.replace("_", " ")
    return "JPEG" + words[4:] if words.startswith("jpeg") else words

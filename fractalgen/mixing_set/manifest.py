"""The manifest: one record per image, appended as a line once the image's file is written."""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.errors import SetError
from fractalgen.families import FAMILIES, render
from fractalgen.families.base import ImageSpec
from fractalgen.files.atomic import write_atomically
from fractalgen.files.json_codec import from_json
from fractalgen.files.regular_file import check_no_links, read_regular, require_regular
from fractalgen.mixing_set.recipe import FAMILY_NAME, Key, Recipe, family_order

__all__ = ["Manifest", "Origin", "Record", "image_file", "params_text", "parse_image_file"]

_IMAGE_FILE = re.compile(rf"({FAMILY_NAME.pattern})/([0-9]{{6}})\.(jpg|png|webp)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PERCEPTUAL_HASH = re.compile(r"[0-9a-f]{16}")
_COMMON = ("file", "family", "index", "size", "bytes", "pixel_sha256", "file_sha256")
_GENERATED = {*_COMMON, "seed", "attempt", "params"}
_COLLECTED = {*_COMMON, "origin"}
_OF_ORIGIN = ("url", "licence", "author")
_ORIGIN = {"path", "sha256", *_OF_ORIGIN}


def image_file(family: str, index: int, extension: str) -> str:
    """Return an image's path within its set, such as ``ifs/000017.jpg``."""
    return f"{family}/{index:06d}.{extension}"


def parse_image_file(file: str) -> Key:
    """Return the family and the index in an image's path within its set.

    Raises
    ------
    ValueError
        If it is not such a path. Paths that lead out of the set are refused.
    """
    match = _IMAGE_FILE.fullmatch(file)
    if match:
        return match[1], int(match[2])
    if file.startswith(("/", "\\")) or "\\" in file or ":" in file or ".." in file.split("/"):
        raise ValueError(f"the path {file!r} leads out of the set")
    raise ValueError(f"{file!r} is not the path of an image in a set")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a collected image came from.

    Attributes
    ----------
    path : str
        Its path within the folder or archive, with forward slashes, or its URL.
    sha256 : str
        Hash of the original file.
    url : str or None
        The archive's URL, if it was downloaded.
    licence, author : str or None
        As the source or the user names them; None if unknown.
    """

    path: str
    sha256: str
    url: str | None = None
    licence: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """The manifest's record of one image.

    Attributes
    ----------
    file : str
        Path within the set.
    width, height : int
        In pixels.
    n_bytes : int
        Size of the file.
    pixel_sha256 : str
        Hash of the (height, width, 3) uint8 RGB array before it was encoded.
    file_sha256 : str
        Hash of the file.
    seed, attempt : int or None
        As in `ImageSpec`; None for a collected image.
    params : str or None
        The family's parameters as JSON text, which takes a tenth of the memory of a dictionary.
    origin : Origin or None
        Where a collected image came from.
    perceptual_hash : str or None
        The hash of a collected image that finds near duplicates, as 16 hexadecimal digits.
    """

    file: str
    width: int
    height: int
    n_bytes: int
    pixel_sha256: str
    file_sha256: str
    seed: int | None = None
    attempt: int | None = None
    params: str | None = None
    origin: Origin | None = None
    perceptual_hash: str | None = None

    @property
    def key(self) -> Key:
        """The family's name and the index."""
        return parse_image_file(self.file)

    def fits(self, recipe: Recipe) -> bool:
        """Whether the image has the recipe's seed and size, or was collected."""
        mine = (self.seed, self.width, self.height)
        return self.origin is not None or mine == (recipe.seed, recipe.size, recipe.size)

    def spec(self) -> ImageSpec:
        """Return the specification that redraws the image.

        Raises
        ------
        ValueError
            If the image was collected, or its parameters do not fit the family.
        """
        family, index = self.key
        if self.params is None or self.seed is None or self.attempt is None:
            raise ValueError(f"{self.file} was collected, not drawn")
        params = from_json(FAMILIES[family]().params_type, json.loads(self.params))
        return ImageSpec(family, self.seed, index, self.attempt, params)

    def redraw(self, size: int) -> NDArray[np.uint8]:
        """Redraw the image from its parameters, `size` pixels a side; raises as `spec` does."""
        try:
            return render(self.spec(), size=size)
        except (ArithmeticError, LookupError, TypeError) as error:  # from values out of range
            raise ValueError(f"{type(error).__name__}: {error}") from None

    def to_line(self) -> str:
        """Return the manifest's line, without a newline."""
        family, index = self.key
        head: dict[str, Any] = {"file": self.file, "family": family, "index": index}
        if self.origin is None:
            head |= {"seed": self.seed, "attempt": self.attempt}
        head |= {
            "size": [self.width, self.height],
            "bytes": self.n_bytes,
            "pixel_sha256": self.pixel_sha256,
            "file_sha256": self.file_sha256,
        }
        if self.origin is None:
            return f'{_compact_json(head)[:-1]},"params":{self.params}}}'
        origin = {"path": self.origin.path, "sha256": self.origin.sha256}
        for name in _OF_ORIGIN:
            value = getattr(self.origin, name)
            if value is not None:
                origin[name] = value
        if self.perceptual_hash is not None:
            head["perceptual_hash"] = self.perceptual_hash
        return _compact_json({**head, "origin": origin})

    @classmethod
    def from_line(cls, line: str) -> "Record":
        """Parse a line of the manifest; ValueError gives the reason if it is not a record."""
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
        if not isinstance(data, dict):
            raise ValueError("not an image's record")
        collected = "origin" in data
        alike = data.pop("perceptual_hash", None) if collected else None
        if not (alike is None or (isinstance(alike, str) and _PERCEPTUAL_HASH.fullmatch(alike))):
            raise ValueError("the perceptual hash is damaged")
        if set(data) != (_COLLECTED if collected else _GENERATED):
            raise ValueError("not an image's record: keys are missing or unknown")
        if not isinstance(data["file"], str):
            raise ValueError("the file is not text")
        if parse_image_file(data["file"]) != (data["family"], data["index"]):
            raise ValueError(f"the path {data['file']!r} belongs to another image")
        size = data["size"]
        if not (isinstance(size, list) and len(size) == 2 and all(map(_is_count, size))):
            raise ValueError("the size is not two whole numbers")
        if not (_is_count(data["bytes"]) and _is_hash(data["pixel_sha256"])):
            raise ValueError("the bytes or the hash of the pixels are damaged")
        if not _is_hash(data["file_sha256"]):
            raise ValueError("the hash of the file is damaged")
        seed = attempt = params = origin = None
        if collected:
            origin = _origin(data["origin"])
        else:
            seed, attempt = data["seed"], data["attempt"]
            if not (_is_count(seed) and _is_count(attempt)):
                raise ValueError("the seed or the attempt is not a whole number")
            if not isinstance(data["params"], dict):
                raise ValueError("the params are not an object")
            params = _compact_json(data["params"])
        hashes = data["pixel_sha256"], data["file_sha256"]
        width, height = size
        n_bytes = data["bytes"]
        return cls(
            data["file"], width, height, n_bytes, *hashes, seed, attempt, params, origin, alike
        )


class Manifest:
    """A set's manifest.

    Parameters
    ----------
    path : Path
        The file.
    records : dict from (family, index) to Record, optional
        Its records.

    Attributes
    ----------
    bad_lines : tuple of (int, str)
        Number of each line that is not a record, and the reason.
    torn : bool
        Whether the last line is incomplete, as after a crash while writing.
    """

    def __init__(self, path: Path, records: dict[Key, Record] | None = None) -> None:
        self.path = path
        self.records = records or {}
        self.bad_lines: tuple[tuple[int, str], ...] = ()
        self.torn = False
        self._length = 0  # of the file without an incomplete last line
        self._descriptor: int | None = None

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest; if an image has several lines, the last one counts.

        Raises
        ------
        SetError
            If the manifest is a link, which may lead anywhere.
        OSError
            If it cannot be read.
        """
        manifest = cls(path)
        check_no_links(path.parent, [path.name])
        try:
            data = read_regular(path)
        except FileNotFoundError:
            return manifest
        bad_lines = []
        lines = data.split(b"\n")
        tail = lines.pop()
        for number, line in enumerate(lines, 1):
            record = _record_or_fault(line)
            if isinstance(record, Record):
                manifest.records[record.key] = record
            else:
                bad_lines.append((number, record))
        manifest.bad_lines = tuple(bad_lines)
        manifest.torn = bool(tail)
        manifest._length = len(data) - len(tail)
        return manifest

    def require_sound(self) -> None:
        """Raise SetError for the first line that is not a record; ignore an incomplete last one."""
        if self.bad_lines:
            number, reason = self.bad_lines[0]
            raise SetError(
                f"{self.path}, line {number}: {reason}. 'fractalgen build-set "
                f"{self.path.parent} --repair' drops such lines and redraws their images."
            )

    def in_order(self) -> list[Record]:
        """Return the records by family, in the registry's order, and index."""
        keys = sorted(self.records, key=lambda key: (family_order(key[0]), key[1]))
        return [self.records[key] for key in keys]

    def write(self) -> None:
        """Replace the file atomically by the sorted records."""
        data = "".join(record.to_line() + "\n" for record in self.in_order()).encode()
        if not self.path.exists() or read_regular(self.path) != data:
            write_atomically(self.path, data, durable=True)
        self.bad_lines, self.torn, self._length = (), False, len(data)

    @contextlib.contextmanager
    def appending(self) -> Iterator[None]:
        """Cut off an incomplete last line, and keep the file open for `append`."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        flags |= getattr(os, "O_NONBLOCK", 0)
        self._descriptor = os.open(self.path, flags, 0o666)
        try:
            require_regular(self.path, os.fstat(self._descriptor))
            os.ftruncate(self._descriptor, self._length)
            yield
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def append(self, record: Record) -> None:
        """Append a record, unbuffered, so a crash of this process does not lose it.

        If a full disk or a Ctrl-C interrupts the write, the partial line is removed.
        """
        assert self._descriptor is not None
        data = (record.to_line() + "\n").encode()
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except BaseException as error:
            os.ftruncate(self._descriptor, self._length)
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, str(self.path)) from None
            raise
        self._length += written
        self.records[record.key] = record


def _record_or_fault(line: bytes) -> Record | str:
    try:
        return Record.from_line(line.decode())
    except UnicodeDecodeError:
        return "not text"
    except ValueError as error:
        return str(error)


def params_text(params: Any) -> str:
    """Return a dataclass as compact JSON text, five times as fast as `to_json`."""
    return _PARAMS_ENCODER.encode(params)


# `vars` returns the fields of a dataclass without slots, in order.
_PARAMS_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=vars)


def _compact_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _origin(data: Any) -> Origin:
    if isinstance(data, dict) and {"path", "sha256"} <= set(data) <= _ORIGIN:
        texts = [data["path"], data["sha256"], *(data.get(name, "") for name in _OF_ORIGIN)]
        if all(isinstance(text, str) for text in texts) and _is_hash(data["sha256"]):
            return Origin(**data)
    raise ValueError("the origin is damaged")

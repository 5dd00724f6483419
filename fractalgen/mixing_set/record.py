"""One image's line in the manifest."""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalgen.families import FAMILIES, ImageSpec, render
from fractalgen.files.json_codec import from_json
from fractalgen.mixing_set.layout import Key, parse_image_file
from fractalgen.mixing_set.recipe import Recipe

__all__ = ["Origin", "Record", "compact_json", "params_text"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMON = ("file", "family", "index", "size", "bytes", "pixel_sha256", "file_sha256")
_GENERATED = {*_COMMON, "seed", "attempt", "params"}
_COLLECTED = {*_COMMON, "origin"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a collected image came from.

    Attributes
    ----------
    path : str
        Its path within the folder or archive, with forward slashes.
    sha256 : str
        Of the file as it was there.
    url : str or None
        The archive's address, if it was fetched.
    """

    path: str
    sha256: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What the manifest keeps of one image.

    Attributes
    ----------
    file : str
        Path within the set.
    width, height : int
        Pixels.
    n_bytes : int
        Length of the file.
    pixel_sha256 : str
        Of the (height, width, 3) uint8 RGB array before it was encoded.
    file_sha256 : str
        Of the file.
    seed, attempt : int or None
        As in ImageSpec; None for a collected image.
    params : str or None
        The family's parameters as JSON text, which is a tenth of the dictionary's memory.
    origin : Origin or None
        Of a collected image.
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

    @property
    def key(self) -> Key:
        """The family's name and the index."""
        return parse_image_file(self.file)

    def fits(self, recipe: Recipe) -> bool:
        """Whether the image is of the recipe's seed and size; a collected one has no such."""
        mine = (self.seed, self.width, self.height)
        return self.origin is not None or mine == (recipe.seed, recipe.size, recipe.size)

    def spec(self) -> ImageSpec:
        """Return what redraws the image.

        Raises
        ------
        ValueError
            If the image is a collected one, or if its parameters are not the family's.
        """
        family, index = self.key
        if self.params is None or self.seed is None or self.attempt is None:
            raise ValueError(f"{self.file} was collected, not drawn")
        params_type = FAMILIES[family]().params_type
        params = from_json(params_type, json.loads(self.params))
        return ImageSpec(family, self.seed, index, self.attempt, params)

    def redraw(self, size: int) -> NDArray[np.uint8]:
        """Draw the image anew from its parameters, `size` pixels a side.

        Raises
        ------
        ValueError
            If the image is a collected one, or if its parameters are not the family's.
        """
        try:
            return render(self.spec(), size=size)
        except (ArithmeticError, LookupError, TypeError) as error:  # of values out of their range
            raise ValueError(f"{type(error).__name__}: {error}") from None

    def to_line(self) -> str:
        """Return the manifest's line, without its end."""
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
            return f'{compact_json(head)[:-1]},"params":{self.params}}}'
        origin = {"path": self.origin.path, "sha256": self.origin.sha256}
        if self.origin.url is not None:
            origin["url"] = self.origin.url
        return compact_json({**head, "origin": origin})

    @classmethod
    def from_line(cls, line: str) -> "Record":
        """Read a manifest's line; ValueError with a reason if it is not an image's record."""
        try:
            data = json.loads(line)
        except (ValueError, RecursionError):
            raise ValueError("not JSON") from None
        if not isinstance(data, dict):
            raise ValueError("not an image's record")
        collected = "origin" in data
        if set(data) != (_COLLECTED if collected else _GENERATED):
            raise ValueError("not an image's record: keys are missing or unknown")
        if not isinstance(data["file"], str):
            raise ValueError("the file is not text")
        if parse_image_file(data["file"]) != (data["family"], data["index"]):
            raise ValueError(f"the path {data['file']!r} is another image's")
        size = data["size"]
        if not (isinstance(size, list) and len(size) == 2 and all(map(_is_count, size))):
            raise ValueError("the size is not two whole numbers")
        if not (_is_count(data["bytes"]) and _is_hash(data["pixel_sha256"])):
            raise ValueError("the bytes or the hash of the pixels are damaged")
        if not _is_hash(data["file_sha256"]):
            raise ValueError("the hash of the file is damaged")
        common = {
            "file": data["file"],
            "width": size[0],
            "height": size[1],
            "n_bytes": data["bytes"],
            "pixel_sha256": data["pixel_sha256"],
            "file_sha256": data["file_sha256"],
        }
        if collected:
            return cls(**common, origin=_origin(data["origin"]))
        if not (_is_count(data["seed"]) and _is_count(data["attempt"])):
            raise ValueError("the seed or the attempt is not a whole number")
        if not isinstance(data["params"], dict):
            raise ValueError("the params are not an object")
        params = compact_json(data["params"])
        return cls(**common, seed=data["seed"], attempt=data["attempt"], params=params)


def compact_json(value: Any) -> str:
    """Return JSON text without spaces; ValueError for NaN and infinities."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def params_text(params: Any) -> str:
    """Return the compact JSON text of `to_json(params)`, in a fifth of its time."""
    return _PARAMS_ENCODER.encode(params)


# A dataclass without slots keeps its fields, in their order, where `vars` finds them.
_PARAMS_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=vars)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _origin(data: Any) -> Origin:
    if not isinstance(data, dict) or not {"path", "sha256"} <= set(data) <= {
        "path",
        "sha256",
        "url",
    }:
        raise ValueError("the origin is damaged")
    texts = [data["path"], data["sha256"], data.get("url", "")]
    if not all(isinstance(text, str) for text in texts) or not _is_hash(data["sha256"]):
        raise ValueError("the origin is damaged")
    return Origin(data["path"], data["sha256"], data.get("url"))

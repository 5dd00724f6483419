"""Take the user's own images into a set, instead of or beside generated ones."""

import hashlib
import itertools
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fractalgen.errors import ImageError, SetError
from fractalgen.files.atomic import write_atomically
from fractalgen.files.regular_file import read_regular
from fractalgen.images.decoding import to_rgb
from fractalgen.images.formats import FORMATS, encode
from fractalgen.mixing_set.layout import MAX_INDEX, Key, image_file
from fractalgen.mixing_set.plan import in_place
from fractalgen.mixing_set.recipe import Recipe
from fractalgen.mixing_set.record import Origin, Record
from fractalgen.mixing_set.sources import Source
from fractalgen.mixing_set.summary import Refusal
from fractalgen.pool import OrderedPool

__all__ = ["collect"]

_TASKS_AHEAD = 2  # per worker: an image of the user's own may be large


@dataclass(frozen=True)
class _Candidate:
    """An image that was read; `data` is None if it is in the set already."""

    path: str
    sha256: str
    data: bytes | None = None
    extension: str = ""
    width: int = 0
    height: int = 0
    pixel_sha256: str = ""


def collect(
    source: Source,
    family: str,
    folder: Path,
    recipe: Recipe,
    records: Mapping[Key, Record],
    on_disk: Mapping[str, int],
    workers: int,
    *,
    lost_only: bool = False,
) -> Generator[Record | Refusal | None, None, None]:
    """Copy or convert images into a family's folder.

    An image is known by its path in the source and its hash. Those that the set has keep their
    index. In the order of their paths, the others take first the indices whose record is lost and
    then new ones, so that an interrupted collection goes on as if nothing had happened.

    Parameters
    ----------
    source : Source
        The images.
    family : str
        Name of the folder within the set.
    folder : Path
        The set.
    recipe : Recipe
        The set's: the format of images that cannot be kept as they are, and the family's indices.
    records : mapping from (family, index) to Record
        The set's.
    on_disk : mapping from str to int
        Lengths of the set's files; those that are as recorded are not written again.
    workers : int
        Threads.
    lost_only : bool
        Take no new indices.

    Yields
    ------
    Record, Refusal or None
        For each image of the source: it was written, it cannot be used, it was there already
        or is not needed.

    Raises
    ------
    SetError
        If a file that is not the set's has a new image's name, or there are too many images.
    """
    mine = {key[1]: record for key, record in records.items() if key[0] == family}
    index_of = {(r.origin.path, r.origin.sha256): i for i, r in mine.items() if r.origin}
    kept = {r.file for r in mine.values() if in_place(r, recipe, on_disk)}
    wanted = recipe.family(family)
    lost = sorted(set(wanted.indices() if wanted else ()) - set(mine))
    new = () if lost_only else range(max((*mine, *lost), default=-1) + 1, MAX_INDEX)
    free = itertools.chain(lost, new)

    def read(path: str, _: threading.Event) -> _Candidate | Refusal:
        try:
            data = source.read(path)
            sha256 = hashlib.sha256(data).hexdigest()
            index = index_of.get((path, sha256))
            if index is not None and mine[index].file in kept:
                return _Candidate(path, sha256)
            return _converted(path, sha256, data, recipe.format)
        except ImageError as error:
            return Refusal(path, str(error))
        except OSError as error:
            return Refusal(path, error.strerror or str(error))

    with OrderedPool(read, workers, _TASKS_AHEAD) as pool:
        for found in pool.map(source.names()):
            if isinstance(found, Refusal):
                yield found
                continue
            if found.data is None:
                yield None
                continue
            index = index_of.get((found.path, found.sha256))
            if index is None:
                index = next(free, None)
                if index is None and lost_only:
                    yield None
                    continue
                if index is None:
                    raise SetError(f"{family} would have more than {MAX_INDEX:,} images")
                if index not in lost:
                    _check_not_foreign(folder / image_file(family, index, found.extension), found)
            yield _write(folder, family, index, found, found.data, source.url)


def _check_not_foreign(path: Path, found: _Candidate) -> None:
    """Refuse to write over a file, unless it is the very one, which a crash left unrecorded."""
    if path.is_file() and read_regular(path) != found.data:
        raise SetError(f"{path} is there already and not of this set; move it away first")


def _converted(path: str, sha256: str, data: bytes, format: str) -> _Candidate:  # noqa: A002
    """Decode an image, which checks it, and encode it anew unless it can stay as it is."""
    rgb, extension = to_rgb(data)
    if extension is None:
        try:
            data = encode(rgb, format)
        except (OSError, ValueError) as error:
            raise ImageError(f"it cannot be written as {format} ({error})") from None
        extension = FORMATS[format]
    height, width = rgb.shape[:2]
    pixel_sha256 = hashlib.sha256(rgb.data).hexdigest()
    return _Candidate(path, sha256, data, extension, width, height, pixel_sha256)


def _write(
    folder: Path, family: str, index: int, found: _Candidate, data: bytes, url: str | None
) -> Record:
    file = image_file(family, index, found.extension)
    write_atomically(folder / file, data)
    return Record(
        file,
        found.width,
        found.height,
        len(data),
        found.pixel_sha256,
        hashlib.sha256(data).hexdigest(),
        origin=Origin(found.path, found.sha256, url),
    )

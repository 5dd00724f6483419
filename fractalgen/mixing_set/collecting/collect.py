"""Collect a user's images into a set: decode, check, strip, compare and record them."""

import contextlib
import dataclasses
import hashlib
import itertools
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fractalgen.color.gray import in_gray
from fractalgen.errors import DownloadError, ImageError, SetError
from fractalgen.files.downloader import WebOptions
from fractalgen.files.regular_file import read_regular
from fractalgen.images.decoding import MAX_BYTES, to_rgb
from fractalgen.images.formats import FORMATS, encode
from fractalgen.images.metadata import without_metadata
from fractalgen.mixing_set.collecting.item import Item, Refusal, Source
from fractalgen.mixing_set.measuring.perceptual_hash import SeenImages, perceptual_hash
from fractalgen.mixing_set.recipes.keys import MAX_INDEX, image_file
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.folder_store import FolderStore
from fractalgen.mixing_set.stores.record import Origin, Record
from fractalgen.pool import OrderedPool, default_workers

__all__ = ["CollectOptions", "Collected", "collect"]

_TASKS_AHEAD = 2  # per worker; few, because collected images can be large


@dataclass(frozen=True)
class CollectOptions:
    """How to collect images.

    Attributes
    ----------
    licence, author : str or None
        Licence and author to record for images for which the source gives none.
    skip_near_duplicates : bool
        Leave out images that look like one that the folder has.
    max_bytes : int or None
        Maximum size of a download; None for 64 MiB for an image of a list, 8 GiB for an archive.
    connections : int
        Maximum number of downloads at the same time.
    web : WebOptions
        How to download.
    """

    licence: str | None = None
    author: str | None = None
    skip_near_duplicates: bool = False
    max_bytes: int | None = None
    connections: int = 16
    web: WebOptions = field(default_factory=WebOptions)


@dataclass(frozen=True)
class Collected:
    """A usable image of a source.

    Attributes
    ----------
    record : Record or None
        Its new record; None if the set has it already or does not need it.
    like : str or None
        File of an image in the set that looks like it.
    path : str
        Its path in the source.
    """

    record: Record | None = None
    like: str | None = None
    path: str = ""

    @property
    def name(self) -> str:
        """The file in the set, or the path in the source if the image is not there."""
        return self.record.file if self.record else self.path


@dataclass(frozen=True)
class _Candidate:
    """An image that was read; `data` is None if the set has it already."""

    item: Item
    sha256: str
    data: bytes | None = None
    extension: str = ""
    width: int = 0
    height: int = 0
    pixel_sha256: str = ""
    perceptual_hash: int = 0


def collect(
    store: FolderStore,
    sources: Sequence[Source],
    family: str,
    recipe: Recipe,
    options: CollectOptions,
    workers: int | None = None,
    *,
    lost_only: bool = False,
) -> Generator[Collected | Refusal, None, None]:
    """Copy or convert images into a family's folder.

    An image is identified by its path in the source, or its URL, and its hash. Images that the set
    has keep their indices, and those with a URL are not downloaded again. The others, in the order
    of the sources, first take indices whose records are lost and then, unless `lost_only`, new
    ones. So an interrupted collection can be resumed.

    Yields what became of each image. New images take no index whose file is there without a record.
    Raises SetError if there are too many images.
    """
    mine = {key[1]: record for key, record in store.records.items() if key[0] == family}
    index_of = {(r.origin.path, r.origin.sha256): i for i, r in mine.items() if r.origin}
    kept = {index for index in mine if store.has((family, index), recipe)}
    recorded = {r.origin.path: r.origin.sha256 for i, r in mine.items() if r.origin and i in kept}
    wanted = recipe.family(family)
    lost = sorted(set(wanted.indices() if wanted else ()) - set(mine))
    new = () if lost_only else range(max((*mine, *lost), default=-1) + 1, MAX_INDEX)
    free = itertools.chain(lost, new)
    seen = SeenImages(
        (i, int(r.perceptual_hash, 16)) for i, r in mine.items() if r.perceptual_hash and i in kept
    )
    files = {index: record.file for index, record in mine.items()}
    cores = workers or default_workers()
    decoding = threading.Semaphore(cores)

    def read(item: Item | Refusal, stopping: threading.Event) -> _Candidate | Refusal:
        if isinstance(item, Refusal):
            return item
        try:
            sha256 = recorded.get(item.path) if item.remote else None
            if sha256 and item.sha256 in (None, sha256):
                return _Candidate(item, sha256)
            data = item.read(stopping)
            sha256 = _checked(data, item)
            if index_of.get((item.path, sha256)) in kept:
                return _Candidate(item, sha256)
            with decoding:
                return _converted(item, sha256, data, recipe)
        except ImageError as error:
            return Refusal(item.path, str(error))
        except DownloadError as error:
            return Refusal(item.path, error.reason)
        except OSError as error:
            return Refusal(item.path, error.strerror or str(error))

    linked = any(source.linked for source in sources)
    n_threads = max(cores, options.connections) if linked else cores
    with OrderedPool(read, n_threads, _TASKS_AHEAD) as pool:
        for found in pool.map(_items(sources)):
            if isinstance(found, Refusal):
                yield found
                continue
            item = found.item
            origin = Origin(
                item.path,
                found.sha256,
                item.url,
                item.licence or options.licence,
                item.author or options.author,
            )
            index = index_of.get((item.path, found.sha256))
            if found.data is None or index in kept:
                _update_origin(store, (family, index), origin)
                yield Collected()
                continue
            near = seen.like(found.perceptual_hash)
            like = files[near] if near is not None and near != index else None
            if like and options.skip_near_duplicates and index is None:
                yield Collected(like=like, path=item.path)
                continue
            if index is None:
                index = next(free, None)
                while index is not None and index not in lost:
                    path = store.path(image_file(family, index, found.extension))
                    if not _is_another(path, found.data):
                        break
                    index = next(free, None)
                if index is None and lost_only:
                    yield Collected()
                    continue
                if index is None:
                    raise SetError(f"{family} would have more than {MAX_INDEX:,} images")
            file = image_file(family, index, found.extension)
            store.write(file, found.data)
            record = Record(
                file,
                found.width,
                found.height,
                len(found.data),
                found.pixel_sha256,
                hashlib.sha256(found.data).hexdigest(),
                origin=origin,
                perceptual_hash=f"{found.perceptual_hash:016x}",
            )
            index_of[item.path, found.sha256] = index
            kept.add(index)
            files[index] = file
            seen.add(index, found.perceptual_hash)
            yield Collected(record, like, item.path)


def _items(sources: Sequence[Source]) -> Iterator[Item | Refusal]:
    for source in sources:
        yield from source.items()


def _update_origin(store: FolderStore, key: tuple[str, int | None], origin: Origin) -> None:
    """Record the licence and author of an image that the set has, if they are known only now."""
    folder, index = key
    record = None if index is None else store.records.get((folder, index))
    if record is None or record.origin is None:
        return
    known = dataclasses.replace(
        record.origin,
        licence=origin.licence or record.origin.licence,
        author=origin.author or record.origin.author,
    )
    if known != record.origin:
        store.manifest.append(dataclasses.replace(record, origin=known))


def _is_another(path: Path, data: bytes) -> bool:
    """Whether a file that no record names is there, and not the very one that a crash left."""
    return path.is_file() and read_regular(path) != data


def _checked(data: bytes, item: Item) -> str:
    """Return the hash of an image's file; ImageError if it is not the expected one."""
    if len(data) > MAX_BYTES:
        raise ImageError(f"larger than {MAX_BYTES >> 20} MiB")
    sha256 = hashlib.sha256(data).hexdigest()
    digest = None
    if item.digest:
        algorithm = "sha1" if len(item.digest) == 40 else "md5"
        digest = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    if item.sha256 not in (None, sha256) or item.digest != digest:
        raise ImageError("it differs from the hash in the list")
    return sha256


def _converted(item: Item, sha256: str, data: bytes, recipe: Recipe) -> _Candidate:
    """Decode an image; keep its file without metadata if it is 8-bit RGB, or encode it again.

    In a grey set, all images are made grey.
    """
    rgb, extension = to_rgb(data)
    if recipe.gray:
        rgb, extension = in_gray(rgb), None
    if extension is not None:
        stripped = without_metadata(data, extension)
        # Decoded again, because files can be laid out in ways that readers disagree about.
        if stripped is None or (stripped != data and not _shows(stripped, rgb.tobytes())):
            extension = None
        else:
            data = stripped
    if extension is None:
        try:
            data = encode(rgb, recipe.format, gray=recipe.gray)
        except (OSError, ValueError) as error:
            raise ImageError(f"it cannot be written as {recipe.format} ({error})") from None
        extension = FORMATS[recipe.format]
    height, width = rgb.shape[:2]
    pixel_sha256 = hashlib.sha256(rgb.data).hexdigest()
    alike = perceptual_hash(rgb)
    return _Candidate(item, sha256, data, extension, width, height, pixel_sha256, alike)


def _shows(data: bytes, pixels: bytes) -> bool:
    with contextlib.suppress(ImageError):
        return to_rgb(data)[0].tobytes() == pixels
    return False

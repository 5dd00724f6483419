"""One image of a user's source, or the reason why it is refused."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Item", "Refusal", "Source"]


@dataclass(frozen=True)
class Refusal:
    """A user's image that cannot be used, and the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class Item:
    """One image of a source.

    Attributes
    ----------
    path : str
        Its path within the source, with forward slashes, or its URL.
    read : callable
        Returns the file's contents, unless the event that it takes is set; raises ImageError,
        DownloadError or OSError.
    url : str or None
        The URL of the archive that it is in.
    licence, author : str or None
        None if unknown.
    sha256, digest : str or None
        Its expected hash, if it is known; `digest` is a SHA-1 or MD5.
    remote : bool
        Whether `path` is a URL, so that an image that is recorded need not be read again.
    """

    path: str
    read: Callable[[threading.Event], bytes]
    url: str | None = None
    licence: str | None = None
    author: str | None = None
    sha256: str | None = None
    digest: str | None = None
    remote: bool = False


class Source(Protocol):
    """A folder, archive or list of images."""

    n_images: int | None
    """Number of images and refusals; None if only reading to the end would tell."""

    linked: bool
    """Whether each image is downloaded by itself."""

    def items(self) -> Iterator[Item | Refusal]:
        """Yield the images in an order that depends only on the source."""

"""Lists of URLs, as text or CSV, read line by line."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote, urlsplit

from fractalgen.mixing_set.collecting.item import Refusal

__all__ = ["Link", "LinkList"]

_COLUMNS = {
    "url": ("url", "link", "uri", "image_url"),
    "licence": ("licence", "license"),
    "author": ("author", "creator", "artist"),
    "hash": ("hash", "sha256", "sha1", "md5"),
}
# A URL of an image, and something after a delimiter.
_SEVERAL_COLUMNS = re.compile(r"\.(?:jpe?g|png|webp|gif|bmp|tiff?)[,;\t]", re.I)
_HASH = re.compile(r"(?:sha256|sha1|md5)?[:=]?([0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32})", re.I)
_BLOCK = 2000  # links whose hosts take turns
_N_TRIED = 100  # lines, of which one must be a URL
_MAX_TEXT = 500  # characters of a licence or an author


@dataclass(frozen=True)
class Link:
    """A line of a list; what it does not give is None."""

    url: str
    licence: str | None = None
    author: str | None = None
    sha256: str | None = None
    digest: str | None = None


class LinkList:
    """A list of URLs: one a line, or CSV whose first line names its columns.

    The columns are ``url``, and optionally ``licence``, ``author`` and ``hash`` (SHA-256, SHA-1 or
    MD5, in hexadecimal digits), in any order, among others that are ignored. They are separated
    by commas, semicolons or tabs. Empty lines and those that begin with ``#`` are ignored.

    Attributes
    ----------
    n_links : int
        Number of lines that `interleaved` yields.
    """

    def __init__(self, file: IO[bytes], columns: Mapping[str, int] | None, delimiter: str) -> None:
        self._file = file
        self._columns = columns
        self._delimiter = delimiter
        self.n_links = sum(1 for _ in self._links())

    @classmethod
    def parse(cls, file: IO[bytes]) -> LinkList | None:
        """Read a file's columns; return None if it is no list of URLs."""
        file.seek(0)
        first = file.readline(1 << 16)
        try:
            header = first.decode("utf-8-sig").strip().lower()
        except UnicodeDecodeError:
            return None
        delimiter = max(",;\t", key=header.count)
        names = [name.strip().strip('"').strip() for name in header.split(delimiter)]
        columns = {
            column: names.index(known)
            for column, knowns in _COLUMNS.items()
            for known in reversed(knowns)
            if known in names
        }
        found = cls(file, columns if "url" in columns else None, delimiter)
        tried = itertools.islice(found._links(), _N_TRIED)
        return found if any(isinstance(one, Link) for one in tried) else None

    def interleaved(self) -> Iterator[Link | Refusal]:
        """Yield the links so that the hosts take turns, and a slow one holds up few others."""
        links = self._links()
        while block := list(itertools.islice(links, _BLOCK)):
            hosts: dict[str, deque[Link | Refusal]] = {}
            for link in block:
                host = urlsplit(link.url).netloc if isinstance(link, Link) else ""
                hosts.setdefault(host, deque()).append(link)
            queues = deque(hosts.values())
            while queues:
                queue = queues.popleft()
                yield queue.popleft()
                if queue:
                    queues.append(queue)

    def _links(self) -> Iterator[Link | Refusal]:
        """Yield the lines that are neither empty nor repeat a URL."""
        seen: set[int] = set()
        for number, row in self._rows():
            link = self._link(number, row)
            if isinstance(link, Link):
                if hash(link.url) in seen:
                    continue
                seen.add(hash(link.url))
            yield link

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        self._file.seek(0)
        text = io.TextIOWrapper(self._file, "utf-8-sig", errors="replace", newline="")
        try:
            if self._columns is None:
                for number, line in enumerate(text, 1):
                    if line.strip() and not line.lstrip().startswith("#"):
                        yield number, [line.strip()]
                return
            rows = csv.reader(text, delimiter=self._delimiter)
            while True:
                try:
                    row = next(rows)
                except StopIteration:
                    return
                except csv.Error:  # a field of more than 128 KiB
                    row = [""]
                empty = not any(row) or row[0].lstrip().startswith("#")
                if rows.line_num > 1 and not empty:
                    yield rows.line_num, row
        finally:
            text.detach()

    def _link(self, number: int, row: list[str]) -> Link | Refusal:
        columns = self._columns or {"url": 0}

        def field(column: str) -> str:
            place = columns.get(column, len(row))
            return row[place].strip() if place < len(row) else ""

        if self._columns is None and _SEVERAL_COLUMNS.search(field("url")):
            return Refusal(
                f"line {number}",
                "it has several columns, but the first line does not name them: "
                "url,licence,author,hash",
            )
        url = quote(field("url"), safe="%/:=&?~#+!$,;'@()*[]")
        try:
            parts = urlsplit(url)
            valid = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            valid = False
        if not valid:
            return Refusal(f"line {number}", "not an http(s) URL")
        url = parts._replace(
            scheme=parts.scheme.lower(), netloc=urlsplit(field("url")).netloc, fragment=""
        ).geturl()
        sha256 = digest = None
        if field("hash"):
            match = _HASH.fullmatch(field("hash"))
            if match is None:
                return Refusal(f"line {number}", "its hash is not a SHA-256, SHA-1 or MD5")
            if len(match[1]) == 64:
                sha256 = match[1].lower()
            else:
                digest = match[1].lower()
        licence, author = (field(name)[:_MAX_TEXT] or None for name in ("licence", "author"))
        return Link(url, licence, author, sha256, digest)

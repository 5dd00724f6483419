import hashlib
import io

import pytest

from fractalgen.errors import DownloadError, FractalgenError
from fractalgen.files.download import download
from fractalgen.files.urls import without_secrets


def test_secrets_are_left_out_of_an_address():
    shown = without_secrets("https://me:secret@example.org/a.zip?key=3#part")
    assert shown == "https://example.org/a.zip"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:9/a.zip?key=secret", "cannot download a.zip from 127.0.0.1:9: no conn"),
        ("http://me:secret@127.0.0.1:9", "cannot download http://127.0.0.1:9 from 127.0.0.1:9: no"),
        ("http://[me:secret@/a.zip", "not a valid URL"),
    ],
)
def test_a_failure_is_a_sentence_without_secrets(url, reason):
    with pytest.raises(DownloadError) as caught:
        download(url, io.BytesIO())
    assert str(caught.value).startswith(reason)
    assert "secret" not in str(caught.value)
    assert isinstance(caught.value, FractalgenError)


def test_contents_are_held_to_their_hash_and_length(served):
    data = b"x" * 5000
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    url = served("a.bin", data)
    file, seen = io.BytesIO(), []
    download(url, file, md5=md5, progress=lambda *both: seen.append(both))
    assert file.getvalue() == data
    assert seen[-1] == (5000, 5000)
    with pytest.raises(DownloadError, match="differs from the published one"):
        download(url, io.BytesIO(), md5="0" * 32)
    with pytest.raises(DownloadError, match="larger than 1,000 bytes"):
        download(url, io.BytesIO(), max_bytes=1000)

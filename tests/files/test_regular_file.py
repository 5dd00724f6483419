import os
import socket

import pytest

from fractalgen.errors import NotRegularError
from fractalgen.files.regular_file import open_regular, read_regular

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


def test_a_file_is_read_through_a_link_too(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link") == b"abc"
    with open_regular(str(tmp_path / "file")) as file:
        assert file.read(2) == b"ab"


@pytest.fixture
def odd_ones(tmp_path, monkeypatch):
    """What is no file, by what it is called."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("pipe")
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        yield {
            "a pipe": tmp_path / "pipe",
            "a folder": tmp_path / "folder",
            "a socket": tmp_path / "socket",
            "a device": "/dev/zero",
            " a pipe": tmp_path / "link",
        }


def test_what_is_no_file_is_named_and_not_waited_for(odd_ones):
    for kind, path in odd_ones.items():
        with pytest.raises(NotRegularError) as caught:
            open_regular(path)
        assert caught.value.filename == str(path)
        assert caught.value.strerror == f"it is {kind.strip()}, not a file"


def test_what_is_not_there_is_as_ever(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        open_regular(tmp_path / "nothing")
    assert caught.value.filename == str(tmp_path / "nothing")

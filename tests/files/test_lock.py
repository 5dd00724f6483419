import errno
import os
import subprocess
import sys

import pytest

from fractalgen.errors import SetError
from fractalgen.files.lock import LOCK_FILE, held, locked

_HOLD = """
import sys, time
from pathlib import Path
from fractalgen.files.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_holder_is_named_and_its_death_frees_the_lock(tmp_path):
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        message = rf"another fractalgen \(process {holder.pid}\) is using"
        for _ in range(2):
            with pytest.raises(SetError, match=message), locked(tmp_path):
                pass
        holder.kill()
        holder.wait()
    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == str(os.getpid())
    assert (tmp_path / LOCK_FILE).read_text() == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_links_and_pipes_are_no_locks(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("keep me")
    lock = tmp_path / LOCK_FILE
    lock.symlink_to(outside)
    with pytest.raises(SetError, match="link"), locked(tmp_path):
        pass
    assert outside.read_text() == "keep me"
    lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(SetError, match="cannot be used as a lock: it is a pipe"), locked(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_nothing_is_held(tmp_path, monkeypatch, number):
    unix = pytest.importorskip("fcntl")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(unix, "flock", fail)
    with locked(tmp_path), locked(tmp_path):
        assert list(tmp_path.iterdir()) in ([tmp_path / LOCK_FILE], [])
    with held(tmp_path / "a.lock", 0), held(tmp_path / "a.lock", 0):
        pass


def test_a_lock_is_waited_for_as_long_as_requested(tmp_path):
    other = held(tmp_path / "a.lock", 0.05)
    with held(tmp_path / "a.lock"), pytest.raises(TimeoutError), other:
        pass
    with held(tmp_path / "a.lock", 0):
        pass

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fractalgen.cli import cli


def _runner() -> CliRunner:
    """Keep stdout and stderr apart, which Click does by itself since 8.2."""
    try:
        return CliRunner(mix_stderr=False)
    except TypeError:
        return CliRunner()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run_here(*arguments):
        return _runner().invoke(cli, [str(argument) for argument in arguments])

    return run_here


@pytest.fixture
def start(tmp_path):
    """Start a command line in a process of its own."""
    started = []

    def start_process(*arguments, program=("-m", "fractalgen"), **options):
        command = [sys.executable, *program, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, cwd=tmp_path, **{**pipes, **options})
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def tree():
    """Every file of a folder by its path, hidden ones included."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read

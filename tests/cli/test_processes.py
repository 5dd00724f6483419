"""What only a process of its own can show: signals, locks, full disks, what is imported."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner

from fractalgen.cli.group import PlainCommand
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from tests.cli.programs import telling, up_to
from tests.mixing_set.small_sets import names_in

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and limits")

N = 400
SIZE = 32
COMMAND = ("ifs", "--n", N, "--size", SIZE, "out")
SLOW = ("escape-time", "--supersample", 4)  # takes minutes for an image of 16384 pixels a side


def n_images(folder):
    return sum(path.suffix == ".jpg" for path in (folder / "ifs").glob("[0-9]*"))


def wait_for(condition, process, seconds=300):
    """Wait until something is so, before the process ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        assert process.poll() is None, "it ended before"
        time.sleep(0.002)
    raise AssertionError("nothing happens")


def processor_seconds():
    """Return the processor time of all processes that were started and have ended.

    Unlike the clock's it is the same on a busy machine.
    """
    times = os.times()
    return times.children_user + times.children_system


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The set that every interrupted build must end with."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    build(Recipe(SIZE, families=(FamilyRecipe.of("ifs", N),)), folder)
    return folder


@posix
def test_killed_at_random_moments_and_begun_again_the_set_is_the_same(start, tree, tmp_path, whole):
    out = tmp_path / "out"
    moments = random.Random(os.getpid())
    aims = sorted(moments.sample(range(N // 2), 4))
    for aim in aims:
        program = up_to(".jpg", N - 20 - n_images(out))
        process = start(*COMMAND, "--workers", moments.choice([1, 2, 5]), program=program)
        wait_for(lambda aim=aim: n_images(out) >= aim, process)
        time.sleep(moments.random() * 0.01)
        process.kill()
        process.communicate()
    assert aims[-1] <= n_images(out) < N
    last = start(*COMMAND)
    assert last.communicate()[1] == ""
    assert last.returncode == 0
    assert tree(out) == tree(whole)


@posix
def test_a_class_set_killed_and_begun_again_is_the_same(start, tree, tmp_path):
    counts = ("--classes", 20, "--instances", 25, "--family", "ifs", "--size", SIZE)
    out = tmp_path / "out"

    def n_there():
        return len(list(out.glob("class-*/*.jpg")))

    for aim in (1, 150):
        program = up_to(".jpg", 480 - n_there())
        process = start("build-set", "out", *counts, "--workers", 2, program=program)
        wait_for(lambda aim=aim: n_there() >= aim, process)
        process.kill()
        process.communicate()
        assert len((out / "classes.jsonl").read_text().splitlines()) == 20
        assert n_there() < 500
    assert start("build-set", "out", *counts).wait() == 0
    assert start("build-set", "whole", *counts).wait() == 0
    assert tree(out) == tree(tmp_path / "whole")
    assert start("verify", "out", "--redraw", 5).wait() == 0


@posix
def test_overwriting_killed_and_begun_again_goes_on_and_once_done_begins_anew(
    start, tree, tmp_path
):
    out = tmp_path / "out"
    assert start(*COMMAND).wait() == 0
    again = (*COMMAND, "--seed", 3, "--workers", 2, "--overwrite")

    def is_new():
        text = (out / "set.json").read_text()
        return '"seed": 3' in text.partition("overwriting")[0]

    kept = {}
    for aim in (60, 150):
        process = start(*again, program=up_to(".jpg", N - 20 - len(kept)))
        wait_for(lambda aim=aim: is_new() and n_images(out) >= aim, process)
        process.kill()
        process.communicate()
        images = {path: path.stat().st_ino for path in (out / "ifs").glob("[0-9]*.jpg")}
        assert aim <= len(images) < N
        # An image whose record waits for an earlier image's may be drawn again: 16 a worker.
        assert sum(images.get(path) == inode for path, inode in kept.items()) >= len(kept) - 32
        kept = images
    process = start(*again, "--json")
    summary = json.loads(process.communicate()[0])
    assert summary["removed"] == 0
    assert summary["families"]["ifs"]["kept"] >= 150 - 32
    fresh = ("ifs", "--n", N, "--size", SIZE, "--seed", 3, "fresh")
    assert start(*fresh).wait() == 0
    assert tree(out) == tree(tmp_path / "fresh")
    anew = json.loads(start(*again, "--json").communicate()[0])
    assert (anew["removed"], anew["drawn"]) == (N, N)
    assert tree(out) == tree(tmp_path / "fresh")


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_quick_valid_and_tells_how_to_go_on(
    start, tree, tmp_path, whole, number
):
    out = tmp_path / "out"
    process = start(*COMMAND, program=up_to(".jpg", N // 2))
    wait_for(lambda: n_images(out) >= 20, process)
    process.send_signal(number)
    time.sleep(0.01)
    process.send_signal(number)  # an impatient person, or a shell that tells the whole group
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 130
    assert stdout == ""
    (line,) = stderr.strip().splitlines()
    assert line.startswith("Interrupted after ")
    assert line.endswith(" of 400 images. Run the same command again to continue.")
    findings = verify(out).findings
    assert findings.missing
    assert set(findings.broken) == {*findings.missing, *findings.unrecorded}
    assert len(findings.unrecorded) <= 1  # it comes after an image and before its record
    assert findings.foreign == ()
    assert not list(out.rglob("*.part"))
    assert start(*COMMAND).wait() == 0
    assert tree(out) == tree(whole)


@posix
def test_an_interruption_does_not_wait_for_a_large_image(start, tmp_path):
    assert start(*SLOW, "--n", 2, "--size", SIZE, "small").wait() == 0  # compiles
    before = processor_seconds()
    process = start(*SLOW, "--n", 2, "--size", 16384, "--workers", 2, "big")
    wait_for((tmp_path / "big/manifest.jsonl").exists, process)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 130
    assert processor_seconds() - before < 20
    assert not list(tmp_path.rglob("*.part"))


_IN_A_DESTRUCTOR = """
import signal, time
from fractalgen.cli.group import catch_signals

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

catch_signals()
try:
    Dying()
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""


@posix
def test_an_interruption_in_a_destructor_is_not_lost():
    command = [sys.executable, "-c", _IN_A_DESTRUCTOR]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


def test_what_an_interruption_breaks_is_no_traceback():
    """As a lock of Python's does in an unlucky moment."""

    @click.command(cls=PlainCommand)
    def build():
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("release unlocked lock")

    result = CliRunner().invoke(build)
    assert result.exit_code == 130
    assert result.output.strip() == "Interrupted. Run the same command again."


@posix
def test_a_second_build_is_refused_and_a_crash_leaves_no_lock(start, tmp_path):
    out = tmp_path / "out"
    first = start(*COMMAND, program=up_to(".jpg", 1))
    wait_for(lambda: n_images(out) == 1, first)
    second = start(*COMMAND)
    stderr = second.communicate(timeout=300)[1]
    assert second.returncode == 1
    assert stderr == (
        f"Error: another fractalgen (process {first.pid}) is using out; wait until it ends\n"
    )
    first.kill()
    first.communicate()
    third = start("ifs", "--n", 3, "--size", SIZE, "out")
    assert third.wait() == 0


@posix
@pytest.mark.parametrize(("limit", "at"), [(800, "ifs/0"), (20_000, "manifest.jsonl")])
def test_when_no_more_can_be_written_nothing_is_left_half_done(start, tmp_path, whole, limit, at):
    """A limit on the length of files stands in for a full disk: writing fails midway.

    It would hold for the cache of compiled kernels too, which the whole set has filled.
    """
    import resource

    out = tmp_path / "out"
    process = start(
        *COMMAND,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    stderr = process.communicate(timeout=300)[1]
    assert process.returncode == 1
    assert stderr.startswith(f"Error: out/{at}")
    assert "File too large" in stderr
    assert len(stderr.splitlines()) == 1
    assert not list(out.rglob("*.part"))
    findings = verify(out).findings
    assert set(findings.broken) == {*findings.missing, *findings.unrecorded}
    assert findings.foreign == ()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
def test_output_that_cannot_be_written(start, whole):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        process = start("verify", whole, stdout=full)
        stderr = process.communicate(timeout=300)[1]
    assert process.returncode == 1
    assert stderr == "Error: No space left on device\n"


@posix
def test_without_stderr_all_goes_on(tmp_path, whole):
    command = f"{sys.executable} -m fractalgen ifs --n 3 --size 16 out 2>&-"
    result = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=False)
    assert result.returncode == 0
    assert b"3 images" in result.stdout


@posix
def test_an_interruption_does_not_wait_for_a_large_redrawing(start, tmp_path):
    assert start(*SLOW, "--n", 1, "--size", SIZE, "small").wait() == 0
    image = "small/escape-time/000000.jpg"
    command = ("render", image, "--size", 16384, "-o", "large.png")
    before = processor_seconds()
    process = start(*command, program=telling("manifest.jsonl"))
    assert process.stdout.readline() == "opened\n"
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=300)[1]
    assert process.returncode == 130
    assert processor_seconds() - before < 20
    assert "Interrupted" in stderr
    assert names_in(tmp_path) == ["small"]


@posix
def test_a_reader_that_leaves_early_is_no_error_message(start, whole):
    reader, writer = os.pipe()
    os.close(reader)
    process = start("verify", whole, stdout=writer)
    os.close(writer)
    stderr = process.communicate(timeout=300)[1]
    assert stderr == ""


def test_help_loads_nothing_heavy():
    """numba, numpy and Pillow take longer to load than the whole of --help may take."""
    code = (
        "import sys; sys.argv = ['fractalgen', '--help']\n"
        "from fractalgen.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numba', 'numpy', 'PIL', 'tqdm', 'requests', 'llvmlite'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr == ""
    assert result.returncode == 0
    assert "build-set" in result.stdout


@posix
def test_progress_is_shown_on_a_terminal_alone(start):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    for arguments, shown in ((("--n", 60), True), (("--n", 90, "--quiet"), False)):
        process = start("ifs", "--size", 64, *arguments, "out", stderr=theirs, text=False)
        stdout = process.communicate(timeout=300)[0]
        assert process.returncode == 0
        assert (b"60 images" in stdout) == shown
        os.set_blocking(ours, False)
        printed = b""  # a read may end within a sign of the bar
        with contextlib.suppress(BlockingIOError):
            while True:
                printed += os.read(ours, 1 << 16)
        seen = printed.decode()
        assert ("drawing:" in seen and "/60 [" in seen and "images/s" in seen) == shown
    os.close(ours)
    os.close(theirs)
    process = start("ifs", "--n", 3, "--size", 16, "other")
    assert process.communicate(timeout=300)[1] == ""

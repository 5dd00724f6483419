"""Whatever of a set or beside it is a pipe, a command says so and ends."""

import os
import shutil

import pytest

from fractalgen.mixing_set.building.build import build
from tests.mixing_set.small_sets import ifs_recipe

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")

BUILD = ("ifs", "--n", 6, "--size", 24, "set")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "set"
    build(ifs_recipe(), folder)
    return folder


@pytest.mark.parametrize(
    ("pipe", "command", "code"),
    [
        ("set/set.json", BUILD, 1),
        ("set/set.json", (*BUILD, "--overwrite"), 1),
        ("set/set.json", ("build-set", "--repair", "set"), 1),
        ("set/set.json", ("verify", "set"), 1),
        ("set/set.json", ("contact-sheet", "set"), 1),
        ("set/set.json", ("stats", "set"), 0),
        ("set/manifest.jsonl", BUILD, 1),
        ("set/manifest.jsonl", (*BUILD, "--overwrite"), 1),
        ("set/manifest.jsonl", ("build-set", "--repair", "set"), 1),
        ("set/manifest.jsonl", ("verify", "set"), 1),
        ("set/manifest.jsonl", ("contact-sheet", "set"), 1),
        ("set/manifest.jsonl", ("stats", "set"), 0),
        ("set/manifest.jsonl", ("render", "set/ifs/000001.jpg"), 1),
        ("set/.fractalgen.lock", BUILD, 1),
        ("set/ifs/000001.jpg", ("verify", "set"), 1),
        ("set/ifs/000001.jpg", BUILD, 0),
        ("set/ifs/000001.jpg", ("build-set", "--repair", "set"), 0),
        ("set/ifs/000001.jpg", ("contact-sheet", "set"), 0),
        ("set/ifs/000001.jpg", ("render", "set/ifs/000001.jpg", "--size", 16), 0),
        ("recipe.toml", ("build-set", "--recipe", "recipe.toml", "set"), 2),
        ("colors.gpl", ("ifs", "--palette", "colors.gpl", "new"), 2),
        ("mine", ("stats", "mine"), 1),
        ("mine", ("build-set", "--extra", "mine", "set"), 1),
        ("mine", ("build-set", "--features", "mine", "set"), 1),
        ("photo.jpg", ("show-ipmix", "photo.jpg", "--set", "set"), 1),
    ],
)
def test_a_pipe_is_not_waited_for(start, tmp_path, whole, pipe, command, code):
    shutil.copytree(whole, tmp_path / "set")
    (tmp_path / pipe).unlink(missing_ok=True)
    os.mkfifo(tmp_path / pipe)
    process = start(*command)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == code
    if code:
        assert pipe.rpartition("/")[2] in stderr + stdout
        assert len(stderr.splitlines()) == (0 if stdout else 1)

"""Sets drawn by a real Ray cluster of several nodes on this machine, and what can go wrong."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fractalgen.errors import ArgumentError, MissingPackageError, SetError
from fractalgen.files.cache_folder import default_folder
from fractalgen.files.location import Folder
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.checking.verify import verify
from fractalgen.mixing_set.engines import ray_machines
from fractalgen.mixing_set.engines.ray_cluster import RayEngine
from fractalgen.mixing_set.recipes.family import FamilyRecipe
from fractalgen.mixing_set.recipes.recipe import Recipe
from fractalgen.mixing_set.stores.shard_store import ShardStore
from tests.mixing_set.engines.faulty_tasks import (
    PATIENCE,
    POISONED,
    FaultyEngine,
    register_poisoned,
    unregister_poisoned,
)
from tests.mixing_set.small_sets import SIZE, ifs_recipe, tree

ray = pytest.importorskip("ray")

ROOT = Path(__file__).parents[3]
N = 23
RECIPE = ifs_recipe(N)

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray's, of its processes
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A busy machine may take longer than people wait."""
    for module, name in PATIENCE:
        monkeypatch.setattr(module, name, 300)


@pytest.fixture(scope="module")
def cluster():
    """A head without CPUs, and two nodes with one each."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # What else the machine does with its memory and its disk is no reason to end tasks.
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")
        patch.setenv("RAY_local_fs_capacity_threshold", "1")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        store = {"object_store_memory": 80 << 20}
        cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, **store},
        )
        try:
            for _ in range(2):
                cluster.add_node(num_cpus=1, **store)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


@pytest.fixture
def engine(cluster):
    """Use the cluster that this process has joined, so that its builds share processes there."""
    if not ray.is_initialized():
        ray.init(cluster.address, log_to_driver=False, logging_level="CRITICAL")
    return RayEngine()


@pytest.fixture
def joining(cluster):
    """Join the cluster for each build, and leave it."""
    ray.shutdown()
    return RayEngine(cluster.address)


@pytest.fixture
def events(tmp_path):
    folder = tmp_path / "events"
    folder.mkdir()
    return folder


@pytest.fixture
def expected(tmp_path):
    """The set in shards of 5, drawn by threads."""
    build(RECIPE, tmp_path / "expected", shard_size=5)
    return tree(tmp_path / "expected")


def pixels(folder):
    """The hashes of a set's images, by file."""
    store = ShardStore.open(folder)
    return {record.file: record.pixel_sha256 for record in store.records_in_order()}


def wait_for(condition):
    deadline = time.monotonic() + 300
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_the_engine_changes_nothing(tmp_path, joining, expected):
    """Images in files and in shards, of several families, are those that threads draw."""
    mixed = Recipe(SIZE, families=[FamilyRecipe.of("ifs", 130), FamilyRecipe.of("features", 4)])
    build(mixed, tmp_path / "local")
    counts = []
    with_ray = build(
        mixed, tmp_path / "ray", engine=joining, progress=lambda done, _: counts.append(done)
    )
    assert (with_ray.ok, with_ray.n_drawn, counts[-1]) == (True, 134, 134)
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")
    assert not ray.is_initialized()
    assert build(RECIPE, tmp_path / "shards", shard_size=5, engine=joining).ok
    assert tree(tmp_path / "shards") == expected


def test_the_size_of_the_shards_changes_no_pixel(tmp_path, engine):
    build(RECIPE, tmp_path / "shards", shard_size=5)
    build(RECIPE, tmp_path / "other", shard_size=9, engine=engine)
    assert pixels(tmp_path / "other") == pixels(tmp_path / "shards")


def test_a_killed_process_is_replaced(tmp_path, engine, events, expected):
    killed = []

    def kill(done, _):
        if done and not killed:
            paused = wait_for(lambda: list(events.glob("[0-9]*")))
            killed.append(int(paused[0].name.split("-")[1]))
            os.kill(killed[0], signal.SIGKILL)
            (events / "go").touch()

    paused = FaultyEngine(engine, "pause", events)
    summary = build(RECIPE, tmp_path / "set", shard_size=5, engine=paused, progress=kill)
    assert killed
    assert (summary.ok, summary.n_drawn) == (True, N)
    left = [path for path in tree(tmp_path / "set") if path.endswith(".part")]
    assert len(left) == 1  # what the killed process was writing; removed after a day
    assert {**tree(tmp_path / "set"), left[0]: b""} == {**expected, left[0]: b""}


def test_the_work_of_a_removed_node_is_done_by_others(tmp_path, cluster, engine, events, expected):
    node = cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
    removed = []

    def remove(done, _):
        if done and not removed:
            paused = wait_for(lambda: list(events.glob(f"*-{node.node_id}")))
            cluster.remove_node(node, allow_graceful=False)
            removed.append(node)
            wait_for(lambda: b"_do" not in command(int(paused[0].name.split("-")[1])))
            (events / "go").touch()

    paused = FaultyEngine(engine, "pause", events)
    summary = build(RECIPE, tmp_path / "set", shard_size=5, engine=paused, progress=remove)
    assert removed
    assert (summary.ok, summary.n_drawn) == (True, N)
    found = tree(tmp_path / "set")
    assert {name: found[name] for name in expected} == expected


DRIVER = """
import sys
from pathlib import Path
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.engines.ray_cluster import RayEngine
from tests.mixing_set.engines.faulty_tasks import PATIENCE, FaultyEngine
from tests.mixing_set.small_sets import ifs_recipe
for module, name in PATIENCE:
    setattr(module, name, 300)
out, address, events, n, shard_size = sys.argv[1:]
engine = FaultyEngine(RayEngine(address), "pause", Path(events))
build(ifs_recipe(int(n)), out, shard_size=int(shard_size) or None, engine=engine)
"""


def start_driver(*arguments):
    command = [sys.executable, "-c", DRIVER, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_killed_build_goes_on_where_it_was(tmp_path, cluster, engine, events, expected):
    out = tmp_path / "set"
    driver = start_driver(out, cluster.address, events, N, 5)
    wait_for(lambda: (out / "shard-000000.jsonl").exists() and list(events.glob("[0-9]*")))
    with pytest.raises(SetError, match=f"another fractalgen .process {driver.pid}. is using"):
        build(RECIPE, out, shard_size=5, engine=engine)
    driver.kill()
    driver.wait()
    before = {path.name: path.stat() for path in out.glob("shard-*")}
    summary = build(RECIPE, out, shard_size=5, engine=engine)
    assert (summary.ok, summary.n_drawn, summary.families[0].kept) == (True, N - 5, 5)
    for name, then in before.items():
        if name.startswith("shard-000000"):
            now = (out / name).stat()
            assert (now.st_ino, now.st_mtime_ns) == (then.st_ino, then.st_mtime_ns)
    found = tree(out)
    assert {name: found[name] for name in expected} == expected


def test_a_killed_build_of_files_doubles_nothing(tmp_path, cluster, engine, events):
    build(ifs_recipe(250), tmp_path / "local")
    out = tmp_path / "set"
    driver = start_driver(out, cluster.address, events, 250, 0)
    manifest = out / "manifest.jsonl"
    wait_for(lambda: manifest.exists() and manifest.read_bytes().count(b"\n") == 100)
    driver.kill()
    driver.wait()
    recorded = [json.loads(line)["file"] for line in manifest.read_text().splitlines()]
    before = {name: (out / name).stat().st_ino for name in recorded}
    summary = build(ifs_recipe(250), out, engine=engine)
    assert (summary.ok, summary.n_drawn) == (True, 150)
    assert {name: (out / name).stat().st_ino for name in recorded} == before
    assert tree(out) == tree(tmp_path / "local")


def test_what_always_fails_is_reported_and_the_others_finish(tmp_path, engine, events):
    """A process that dies each time, and a full disk; one that is full once does not matter."""
    dying = FaultyEngine(engine, "kill", events)
    summary = build(RECIPE, tmp_path / "dying", shard_size=5, engine=dying)
    (failure,) = summary.failed
    assert (failure.file, failure.n_images) == ("ifs/000005.jpg to ifs/000009.jpg", 5)
    assert "died" in failure.reason
    assert (summary.ok, summary.n_drawn, summary.families[0].missing) == (False, N - 5, 5)

    full = FaultyEngine(engine, "full", events)
    summary = build(RECIPE, tmp_path / "full", shard_size=5, engine=full)
    (failure,) = summary.failed
    assert failure.file == "ifs/000005.jpg to ifs/000009.jpg"
    assert "No space left on device" in failure.reason
    assert summary.n_drawn == N - 5
    assert len(list(events.glob("1-*"))) == 4
    assert len(list(events.glob("2-*"))) == 2

    summary = build(RECIPE, tmp_path / "full", shard_size=5, engine=engine)
    assert (summary.ok, summary.n_drawn) == (True, 5)


def test_a_poisoned_image_is_reported_with_its_parameters(tmp_path, engine, events):
    register_poisoned()
    try:
        recipe = Recipe(SIZE, families=[FamilyRecipe.of("poisoned", 8)])
        healthy = FaultyEngine(engine, "none", events)
        summary = build(recipe, tmp_path / "set", shard_size=4, engine=healthy)
        params = json.loads(summary.failed[0].params)
    finally:
        unregister_poisoned()
    (failure,) = summary.failed
    assert failure.file == f"poisoned/{POISONED:06d}.jpg"
    assert failure.reason == "ZeroDivisionError: poisoned"
    assert "fractals" in params
    assert (summary.ok, summary.n_drawn) == (False, 7)
    assert (tmp_path / "set/shard-000000.short.jsonl").exists()
    assert (tmp_path / "set/shard-000001.jsonl").exists()


# Lets the tasks that wait go on once they are told to stop.
GO_ON_WHEN_TOLD = """
from fractalgen.mixing_set.engines import ray_cluster
tell = ray_cluster._Flag.set
def set_and_go(flag):
    tell(flag)
    (Path(events) / "go").touch()
ray_cluster._Flag.set = set_and_go
"""


def test_ctrl_c_stops_what_runs(tmp_path, cluster, events):
    out = tmp_path / "set"
    code = "from fractalgen.cli import group\n" + DRIVER
    begin, engine, end = code.partition("engine = ")
    code = f"{begin}group.catch_signals()\n{GO_ON_WHEN_TOLD}\n{engine}{end}"
    code = code.replace('"pause"', '"linger"')
    arguments = [str(out), cluster.address, str(events), str(N), "5"]
    driver = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    lingering = wait_for(lambda: list(events.glob("[0-9]*")))
    driver.send_signal(signal.SIGTERM)
    _, errors = driver.communicate(timeout=300)
    assert "BuildInterrupted" in errors
    assert "Check failed" not in errors
    assert not [name for name in tree(out) if name.endswith(".part")]
    assert len(ShardStore.open(out).stored()) <= 1
    pid = int(lingering[0].name.split("-")[1])
    wait_for(lambda: b"_do" not in command(pid))


@pytest.mark.parametrize(
    ("module", "attribute", "value", "message"),
    [
        ("ray", "__version__", "1.2.3", "another version of Ray or Python"),
        (
            "fractalgen.mixing_set.engines.ray_machines",
            "__version__",
            "99.0",
            r"of the Ray cluster has fractalgen .*; install fractalgen-ipmix 99\.0",
        ),
    ],
)
def test_other_versions(tmp_path, joining, monkeypatch, module, attribute, value, message):
    """A driver that has another version is as good as a cluster that has."""
    monkeypatch.setattr(sys.modules[module], attribute, value)
    with pytest.raises(SetError, match=message):
        build(RECIPE, tmp_path / "set", engine=joining)
    assert not (tmp_path / "set").exists()


def test_a_place_that_the_machines_do_not_see(tmp_path, engine, monkeypatch):
    """The memory of the driver, and a folder in which they miss the file of the driver."""
    pytest.importorskip("fsspec")
    with pytest.raises(SetError, match=r"cannot store images in memory://.*; use a folder that"):
        build(RECIPE, f"memory://{tmp_path.name}/set", shard_size=5, engine=engine)
    monkeypatch.setattr(Folder, "writing", lambda *_: contextlib.nullcontext())
    with pytest.raises(SetError, match=r"cannot store images in .*set \(FileNotFoundError"):
        build(RECIPE, tmp_path / "set", engine=engine)
    assert not (tmp_path / "set").exists()


ON_THIS_MACHINE = """
import os, sys
import fractalgen as fg
before = dict(os.environ)
recipe = fg.Recipe(32, families={"ifs": 1})
assert fg.build(recipe, sys.argv[1], engine="ray", workers=1).n_drawn == 1
assert {name for name in os.environ if name.startswith("RAY_AUTH")} <= before.keys()
"""


def test_ray_on_this_machine_leaves_no_token(tmp_path, monkeypatch):
    """A token in the home folder would change how the user's own clusters start."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(default_folder().parent))  # of the home until now
    monkeypatch.setenv("HOME", str(home))
    out = tmp_path / "set"
    subprocess.run([sys.executable, "-c", ON_THIS_MACHINE, str(out)], cwd=ROOT, check=True)
    assert not (home / ".ray").exists()
    assert verify(out).ok


def test_what_listens_is_not_ray(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_machines, "_ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SetError, match=rf"answers at {address} is not a Ray cluster; see that"):
            build(RECIPE, tmp_path / "set", engine=RayEngine(address))
    assert not (tmp_path / "set").exists()


def test_no_cluster(tmp_path, monkeypatch, dead_port):
    address = f"127.0.0.1:{dead_port}"
    with pytest.raises(SetError, match=rf"no Ray cluster answers at {re.escape(address)}: "):
        build(RECIPE, tmp_path / "set", engine=RayEngine(address))
    for wrong in ("10.0.0.1", "x:y", "ray://host:1", ":1", "host:70000"):
        with pytest.raises(ArgumentError, match="must be auto or HOST:PORT"):
            RayEngine(wrong)
    with pytest.raises(ArgumentError, match="leave out the workers"):
        RayEngine("auto", workers=2)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"pip install \"fractalgen-ipmix\[scale\]\""):
        build(RECIPE, tmp_path / "set", engine=RayEngine())

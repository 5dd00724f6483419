import gzip
import hashlib
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import FashionMNIST

from fractalgen.errors import RunError
from fractalgen.seeding import seed_for
from fractalgen.training.datasets import fashion_mnist, load_data

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
FILES = {
    "train-images-idx3-ubyte": (30, 28, 28),
    "train-labels-idx1-ubyte": (30,),
    "t10k-images-idx3-ubyte": (11, 28, 28),
    "t10k-labels-idx1-ubyte": (11,),
}


@pytest.fixture(autouse=True)
def _no_debian(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", tmp_path / "no such folder")


def idx(shape, seed):
    values = np.random.default_rng(seed).integers(0, 256 if len(shape) > 1 else 10, shape, np.uint8)
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    return header + values.tobytes()


def write(folder, *, packed):
    folder.mkdir(parents=True)
    for seed, (name, shape) in enumerate(FILES.items()):
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(shape, seed)))
        else:
            (folder / name).write_bytes(idx(shape, seed))


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("within", ["FashionMNIST/raw", "."])
def test_files_are_read_where_they_are(tmp_path, packed, within):
    write(tmp_path / "data" / within, packed=packed)
    data = load_data("fashion-mnist", data_dir=tmp_path / "data")
    assert (len(data.train), len(data.test), data.size) == (30, 11, 28)
    pixels = np.frombuffer(idx((11, 28, 28), 2)[16:], np.uint8).reshape(11, 28, 28)
    assert np.array_equal(data.test.for_testing(range(11)), np.stack([pixels] * 3, axis=3))
    assert data.test.labels.tolist() == list(idx((11,), 3)[8:])
    assert data.train.labels.dtype == np.int64
    assert data.classes == tuple(FashionMNIST.classes)


def test_training_images_are_cropped_and_mirrored(tmp_path):
    write(tmp_path / "data", packed=True)
    train = load_data("fashion-mnist", data_dir=tmp_path / "data").train
    plain = train.for_testing([4])[0]
    padded = np.pad(plain, ((3, 3), (3, 3), (0, 0)))
    windows = {
        padded[top : top + 28, left : left + 28][:, ::step].tobytes(): step
        for top in range(7)
        for left in range(7)
        for step in (1, -1)
    }
    drawn = train.for_training([4] * 200, [seed_for(0, 0, index) for index in range(200)])
    assert {windows[crop.tobytes()] for crop in drawn} == {1, -1}
    assert len({crop.tobytes() for crop in drawn}) > 60


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_debians_files_are_the_real_ones(tmp_path, monkeypatch):
    """Mean 0.2860 and deviation 0.3530 are what everyone gives."""
    monkeypatch.setattr(fashion_mnist, "_DEBIAN", DEBIAN)
    data = load_data("fashion-mnist", data_dir=tmp_path)
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert data.mean == pytest.approx([0.2860] * 3, abs=5e-5)
    assert data.std == pytest.approx([0.3530] * 3, abs=5e-5)
    assert np.bincount(data.train.labels).tolist() == [6000] * 10
    assert np.bincount(data.test.labels).tolist() == [1000] * 10


def test_damaged_files_are_named(tmp_path):
    folder = tmp_path / "data"
    write(folder, packed=True)
    images, labels = folder / "train-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz"

    def refused(path, data):
        whole = path.read_bytes()
        path.write_bytes(data)
        with pytest.raises(RunError) as caught:
            load_data("fashion-mnist", data_dir=folder)
        path.write_bytes(whole)
        assert str(path) in str(caught.value)
        return str(caught.value)

    packed, plain = images.read_bytes(), idx((30, 28, 28), 0)
    assert "truncated or damaged" in refused(images, packed[:-3000])
    assert "truncated or damaged" in refused(images, packed[:5000] + b"?" * 20 + packed[5020:])
    assert "or is damaged; remove" in refused(images, plain[:-1])
    assert "or is damaged; remove" in refused(images, plain + b"?")
    assert "or is damaged; remove" in refused(images, b"")
    assert "not an idx file of 28 x 28 images" in refused(images, gzip.compress(b""))
    assert "not an idx file of 28 x 28 images" in refused(images, idx((30, 28, 27), 0))
    assert "not an idx file of 28 x 28 images" in refused(images, b"<html>not found</html>")
    assert "not an idx file of labels" in refused(labels, plain)
    assert "30 images and" in refused(labels, idx((29,), 0))
    assert "has the label 10; the classes are 0 to 9" in refused(labels, idx((30,), 1)[:-1] + b"\n")
    empty = idx((0, 28, 28), 0)
    labels.write_bytes(idx((0,), 0))
    assert "not an idx file of 28 x 28 images" in refused(images, empty)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The four files, packed, on this machine; torchvision's class knows where."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    published = tmp_path / "published"
    write(published, packed=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=published)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        resources = [
            (path.name, hashlib.md5(path.read_bytes()).hexdigest())
            for path in sorted(published.iterdir())
        ]
        monkeypatch.setattr(FashionMNIST, "resources", resources)
        yield published
        server.shutdown()
        thread.join()


def test_files_are_fetched_once_and_progress_is_told(tmp_path, server):
    told = []
    first = load_data(
        "fashion-mnist",
        data_dir=tmp_path / "data",
        progress=lambda done, total: told.append((done, total)),
    )
    assert len(first.train) == 30
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    assert sorted(path.name for path in raw.iterdir()) == sorted(f"{name}.gz" for name in FILES)
    lengths = [(path.stat().st_size,) * 2 for path in sorted(server.iterdir())]
    assert [each for each in told if each[0] == each[1]] == lengths
    assert all(done <= total for done, total in told)
    for path in server.iterdir():
        path.unlink()
    assert len(load_data("fashion-mnist", data_dir=tmp_path / "data").test) == 11


def test_what_is_there_is_kept_and_the_rest_fetched(tmp_path, server):
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    whole, half = sorted(server.iterdir())[:2]
    (raw / whole.name).write_bytes(whole.read_bytes())
    whole.unlink()
    (raw / half.name).write_bytes(half.read_bytes()[:10])
    assert len(load_data("fashion-mnist", data_dir=tmp_path / "data").train) == 30


def test_a_failed_download_says_what_to_do(tmp_path, server, monkeypatch):
    folder = tmp_path / "data"

    def refused():
        with pytest.raises(RunError) as caught:
            load_data("fashion-mnist", data_dir=folder)
        message = str(caught.value)
        assert str(folder) in message
        assert "\n" not in message
        return message

    first = server / FashionMNIST.resources[0][0]
    first.write_bytes(b"another")
    message = refused()
    assert "the downloaded file differs from the published one" in message
    assert "dataset-fashion-mnist" in message
    assert "--dataset digits needs no files" in message
    assert list((folder / "FashionMNIST" / "raw").iterdir()) == []
    first.unlink()
    assert "the server answered 404" in refused()
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    assert "no connection" in refused()
    folder = tmp_path / "file"
    folder.write_text("")
    assert "Use another --data-dir" in refused()

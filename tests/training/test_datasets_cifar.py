import hashlib
import pickle
import tarfile

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, CIFAR100

from fractalgen.errors import RunError
from fractalgen.training.datasets import load_data

KINDS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


@pytest.fixture(params=list(KINDS))
def small(request, tmp_path, monkeypatch):
    """A data set in CIFAR's own format, with an archive of it; torchvision knows their hashes."""
    name, kind = request.param, KINDS[request.param]
    folder = tmp_path / "published" / kind.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pixels, labels = {}, {}
    n_classes = 10 if name == "cifar10" else 100

    def put(file, content):
        (folder / file).write_bytes(pickle.dumps(content))
        return hashlib.md5((folder / file).read_bytes()).hexdigest()

    for part in ("train_list", "test_list"):
        entries, pixels[part], labels[part] = [], [], []
        for file, _ in getattr(kind, part):
            data = rng.integers(0, 256, (6, 3072), np.uint8)
            classes = rng.integers(0, n_classes, 6).tolist()
            key = "labels" if name == "cifar10" else "fine_labels"
            entries.append([file, put(file, {"data": data, key: classes})])
            pixels[part].append(data)
            labels[part] += classes
        monkeypatch.setattr(kind, part, entries)
    names = [f"class {index}" for index in range(n_classes)]
    meta = {**kind.meta, "md5": put(kind.meta["filename"], {kind.meta["key"]: names})}
    monkeypatch.setattr(kind, "meta", meta)
    archive = tmp_path / "published" / kind.filename
    with tarfile.open(archive, "w:gz") as files:
        files.add(folder, kind.base_folder)
    monkeypatch.setattr(kind, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(kind, "url", f"http://127.0.0.1:9/{kind.filename}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return name, kind, tmp_path / "published", pixels, labels, tuple(names)


def test_images_and_labels_are_those_of_the_files(small, capfd):
    name, _, folder, pixels, labels, names = small
    data = load_data(name, data_dir=folder)
    for part, published in ((data.train, "train_list"), (data.test, "test_list")):
        planes = np.concatenate(pixels[published]).reshape(-1, 3, 32, 32)
        images = part.for_testing(range(len(part)))
        assert np.array_equal(images, planes.transpose(0, 2, 3, 1))
        assert part.labels.tolist() == labels[published]
        assert part.labels.dtype == np.int64
    assert (data.name, data.classes, data.size) == (name, names, 32)
    assert len(set(data.mean)) == 3
    crops = data.train.for_training([0] * 50, range(50))
    assert crops.shape == (50, 32, 32, 3)
    assert len({crop.tobytes() for crop in crops}) > 30
    assert load_data(name, data_dir=folder, image_size=24).test.for_testing([0]).shape[1] == 24
    assert capfd.readouterr() == ("", "")


def test_an_archive_alone_is_unpacked_and_mends_what_is_damaged(small):
    name, kind, folder, *_ = small
    for file in (folder / kind.base_folder).iterdir():
        file.unlink()
    (folder / kind.base_folder).rmdir()
    before = load_data(name, data_dir=folder).test.for_testing([0])
    (folder / kind.base_folder / kind.test_list[0][0]).write_bytes(b"cut short")
    assert np.array_equal(load_data(name, data_dir=folder).test.for_testing([0]), before)


def test_a_failed_download_says_where_to_put_the_files_and_what_works_offline(small, tmp_path):
    name, kind, *_ = small
    with pytest.raises(RunError) as caught:
        load_data(name, data_dir=tmp_path / "empty")
    message = str(caught.value)
    assert f"cannot download {kind.filename} from 127.0.0.1:9: no connection" in message
    assert f"Put {kind.filename} into {tmp_path / 'empty'}" in message
    assert "--dataset digits" in message
    assert "dataset-fashion-mnist" in message
    assert "not as published" not in message


def test_a_file_with_another_hash_is_never_unpickled(small, tmp_path):
    name, kind, folder, *_ = small
    (folder / kind.filename).unlink()
    victim = folder / kind.base_folder / kind.test_list[0][0]

    class Harmful:
        def __reduce__(self):
            return (tmp_path / "harm").mkdir, ()

    victim.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(RunError, match="exists, but differs from the published files"):
        load_data(name, data_dir=folder)
    assert not (tmp_path / "harm").exists()

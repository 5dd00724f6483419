import json
import time

import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import RunError, RunUsageError
from fractalgen.evaluation.corruptions import SEVERITIES, Suite
from fractalgen.evaluation.corruptions.common import COMMON, CORRUPTIONS, EXTRA, corrupted
from fractalgen.evaluation.corruptions.corrupted_folder import write_corruptions
from fractalgen.evaluation.corruptions.published import read_corruptions
from fractalgen.evaluation.evaluated_model import choose_images
from fractalgen.training.datasets import load_data
from fractalgen.training.datasets.data_set import ImageData
from fractalgen.training.datasets.in_memory import InMemoryImages
from tests.cli.conftest import run as run  # the fixtures
from tests.cli.conftest import start as start
from tests.cli.conftest import tree as tree
from tests.cli.programs import up_to
from tests.evaluation.test_generated import smooth_images

IMAGES = smooth_images(6, 32)
LABELS = np.array([2, 0, 1, 2, 1, 0])
CLASSES = ("cat", "dog", "owl")


def data_set(images=IMAGES, labels=LABELS):
    test = InMemoryImages(images, labels, size=32, padding=4, mirror=True)
    return ImageData("toys", test, test, CLASSES, 32, (0.5,) * 3, (0.2,) * 3)


@pytest.fixture
def photos(tmp_path):
    for i, pixels in enumerate(smooth_images(6, 40)):
        for part in ("train", "val"):
            place = tmp_path / "photos" / part / CLASSES[LABELS[i]]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"photo-{i}.png")
    return tmp_path / "photos"


def test_arrays_are_read_as_published_ones(tmp_path):
    done = write_corruptions(data_set(), tmp_path / "out", COMMON, seed=3)
    assert done.corruptions == CORRUPTIONS
    assert (done.n, done.n_made, done.n_kept) == (6, 15 * 30, 0)
    read = read_corruptions(tmp_path / "out", LABELS, 32, CLASSES)
    assert tuple(each.name for each in read) == CORRUPTIONS
    for each in (read[0], read[8]):
        images, labels = (np.concatenate(all_) for all_ in zip(*each.batches(4), strict=True))
        for severity, part in zip(SEVERITIES, np.split(images, 5), strict=True):
            expected = corrupted(IMAGES, range(6), each.name, severity, 3)
            np.testing.assert_array_equal(part, expected)
        np.testing.assert_array_equal(labels, np.tile(LABELS, 5))


@pytest.mark.parametrize("layout", ["cifar-c", "imagenet-c"])
def test_a_folder_of_a_limit_is_read_with_the_same_limit(tmp_path, layout):
    chosen = choose_images(6, 4, 3)
    files = {"layout": layout} | ({"image_format": "png"} if layout == "imagenet-c" else {})
    write_corruptions(data_set(), tmp_path / "part", COMMON, limit=4, seed=3, **files)
    write_corruptions(data_set(), tmp_path / "whole", COMMON, seed=3, **files)
    expected = corrupted(IMAGES[chosen], chosen, CORRUPTIONS[0], 1, 3)
    for folder in ("part", "whole"):
        (first, *_) = read_corruptions(tmp_path / folder, LABELS, 32, CLASSES, chosen)
        images, labels = (np.concatenate(all_) for all_ in zip(*first.batches(3), strict=True))
        order = np.arange(4) if layout == "cifar-c" else np.argsort(LABELS[chosen], kind="stable")
        np.testing.assert_array_equal(images[:4], expected[order])
        np.testing.assert_array_equal(labels, np.tile(LABELS[chosen][order], 5))
    with pytest.raises(RunError, match="evaluate without --limit"):
        read_corruptions(tmp_path / "part", LABELS, 32, CLASSES, chosen[:3])


def test_image_files_are_read_as_published_ones(photos, tmp_path, run):
    arguments = ("corrupt", f"folder:{photos}", "out", "--image-size", "32", "--format", "png")
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert tuple(told["corruptions"]) == CORRUPTIONS
    assert told["source"] == "fractalgen with drawn frost, cifar strengths"
    names = sorted(path.name for path in (tmp_path / "out/fog/3/dog").iterdir())
    assert names == ["photo-2.png", "photo-4.png"]

    read = read_corruptions(tmp_path / "out", np.sort(LABELS), 32, CLASSES)
    assert tuple(each.name for each in read) == CORRUPTIONS
    fog = read[CORRUPTIONS.index("fog")]
    from fractalgen.training.datasets import load_data

    test = load_data(f"folder:{photos}", data_dir=tmp_path, image_size=32).test
    clean = test.for_testing(range(6))
    images, labels = (np.concatenate(all_) for all_ in zip(*fog.batches(7), strict=True))
    np.testing.assert_array_equal(images[12:18], corrupted(clean, range(6), "fog", 3, 0))
    np.testing.assert_array_equal(labels[:6], test.labels)


def test_many_images_are_corrupted_like_few_which_are_decoded_once(
    photos, tmp_path, tree, monkeypatch
):
    data = load_data(f"folder:{photos}", data_dir=tmp_path, image_size=32)
    chosen = {"names": ("shot_noise", "contrast"), "image_format": "png", "limit": 4}
    write_corruptions(data, tmp_path / "few", COMMON, **chosen)
    monkeypatch.setattr("fractalgen.evaluation.corruptions.layouts._MAX_KEPT_BYTES", 0)
    write_corruptions(data, tmp_path / "many", COMMON, **chosen)
    assert tree(tmp_path / "few") == tree(tmp_path / "many")


def test_published_files_are_jpegs_named_like_the_originals(photos, tmp_path, run):
    result = run(
        "corrupt", f"folder:{photos}", "out", "--image-size", "32", "--corruptions", "snow"
    )
    assert result.exit_code == 0, result.stderr
    assert "1 corruption of 6 images" in result.stdout
    assert "30 made, 0 kept" in result.stdout
    with Image.open(tmp_path / "out/snow/5/owl/photo-0.JPEG") as image:
        assert image.format == "JPEG"
        assert image.size == (32, 32)


def test_more_corruptions_can_be_added_and_others_stay(tmp_path, tree):
    out = tmp_path / "out"
    write_corruptions(data_set(), out, COMMON, names=["fog"])
    kept = tree(out)["fog.npy"]
    with pytest.raises(RunError, match="1 of 15 are there; the same 'fractalgen corrupt'"):
        read_corruptions(out, LABELS, 32, CLASSES)
    done = write_corruptions(data_set(), out, COMMON, names=["spatter", "fog"])
    assert (done.corruptions, done.n_made, done.n_kept) == (("fog", "spatter"), 30, 30)
    assert tree(out)["fog.npy"] == kept
    assert set(tree(out)) >= {"fog.npy", "spatter.npy", "labels.npy", "corruptions.json"}
    everything = write_corruptions(data_set(), out, COMMON, names=["all"])
    assert everything.corruptions == (*CORRUPTIONS, *EXTRA)


def test_a_limit_takes_the_images_that_an_evaluation_takes(tmp_path):
    write_corruptions(data_set(), tmp_path, COMMON, names=["contrast"], limit=4, seed=5)
    chosen = choose_images(6, 4, 5)
    written = np.load(tmp_path / "contrast.npy")
    assert written.shape == (20, 32, 32, 3)
    expected = corrupted(IMAGES[chosen], chosen, "contrast", 2, 5)
    np.testing.assert_array_equal(written[4:8], expected)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy")[:4], LABELS[chosen])


def test_other_peoples_files_are_never_overwritten(tmp_path, tree):
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(RunError, match=r"holiday\.txt"):
        write_corruptions(data_set(), tmp_path, COMMON, names=["fog"])
    assert list(tree(tmp_path)) == ["holiday.txt"]
    out = tmp_path / "out"
    write_corruptions(data_set(), out, COMMON, names=["fog"])
    np.save(out / "snow.npy", np.zeros(3))
    before = tree(out)
    with pytest.raises(RunError, match=r"snow\.npy is not what this command writes"):
        write_corruptions(data_set(), out, COMMON, names=["snow"])
    assert tree(out) == before


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, "seed 0 instead of 1"),
        ({"table": "imagenet"}, "source"),
        ({"layout": "imagenet-c"}, "layout cifar-c instead of imagenet-c"),
        ({"limit": 3}, "with other settings: number of images 6 instead of 3; use another"),
        ({"data": data_set(IMAGES[::-1])}, "images"),
    ],
)
def test_another_configuration_is_refused(tmp_path, tree, changed, named):
    write_corruptions(data_set(), tmp_path, COMMON, names=["fog"])
    before = tree(tmp_path)
    with pytest.raises(RunError, match=named):
        write_corruptions(
            **{"data": data_set(), "out": tmp_path, "suite": COMMON, "names": ["fog"], **changed}
        )
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["snwo"]}, "did you mean 'snow'"),
        ({"layout": "cifar"}, "did you mean 'cifar-c'"),
        ({"image_format": "pgn"}, "did you mean 'png'"),
    ],
)
def test_unknown_names_suggest_the_nearest(tmp_path, options, message):
    with pytest.raises(RunUsageError, match=message):
        write_corruptions(data_set(), tmp_path / "out", COMMON, **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", [",", ""])
def test_a_list_without_a_name_is_not_the_default(run, tmp_path, names):
    result = run("corrupt", "digits", "out", "--corruptions", names)
    assert result.exit_code == 2
    assert f"'{names}' has no names" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_suite_without_tables_has_no_choice_of_strengths(tmp_path):
    suite = Suite("plain", ("none",), lambda images, *_: images, (), 1)
    assert suite.source_at(32) == "plain"
    with pytest.raises(RunUsageError, match="one table"):
        write_corruptions(data_set(), tmp_path / "out", suite, table="cifar")


@pytest.mark.parametrize("layout", ["cifar-c", "imagenet-c"])
def test_after_a_kill_the_same_command_completes_the_folder(tmp_path, start, tree, layout):
    command = ("corrupt", "digits", "--limit", "150", "--layout", layout)
    command = (*command, *(("--format", "png") if layout == "imagenet-c" else ()))
    command = (*command, "--corruptions", "shot_noise,snow,spatter", "--quiet")
    (tmp_path / "whole").mkdir()
    process = start(*command[:2], "whole", *command[2:])
    assert process.wait(300) == 0, process.stderr.read()

    # Of 5 x 150 files for each corruption, or of an array for each and the labels.
    program = up_to(".png", 1000) if layout == "imagenet-c" else up_to(".npy", 2)
    wanted = "snow/2/*/*" if layout == "imagenet-c" else "shot_noise.npy"
    process = start(*command[:2], "killed", *command[2:], program=program)
    deadline = time.monotonic() + 300
    while not any((tmp_path / "killed").glob(wanted)):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed/spatter.npy").exists()
    assert not (tmp_path / "killed/spatter").exists()
    process = start(*command[:2], "killed", *command[2:])
    assert process.wait(300) == 0, process.stderr.read()
    whole, resumed = (tree(tmp_path / name) for name in ("whole", "killed"))
    assert resumed == whole

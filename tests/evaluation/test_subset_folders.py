import numpy as np
import pytest
from PIL import Image

from fractalgen.errors import RunError
from fractalgen.evaluation.measurements.natural_shift import read_subset

CLASSES = ("n01", "n02", "n03", "n04", "n05")


@pytest.fixture
def folder(tmp_path):
    """Images of three classes, of which the run knows two; red tells which image it is."""
    place = tmp_path / "renditions"
    red = 0
    for name, n in (("n04", 2), ("n02", 1), ("n99", 3)):
        (place / name).mkdir(parents=True)
        for index in range(n):
            red += 10
            Image.new("RGB", (50, 40), (red, 0, 0)).save(place / name / f"{index}.png")
    return place


def test_subset_labels_and_images_belong_together(folder):
    found = read_subset(folder, CLASSES, 24)
    assert found.subset.tolist() == [1, 3]
    assert found.images.labels.tolist() == [0, 1, 1]
    images = found.images.for_testing(range(3))
    assert images.shape == (3, 24, 24, 3)
    assert images[:, 12, 12, 0].tolist() == [30, 10, 20]


def test_images_are_shown_as_in_testing_or_whole(folder):
    x = np.linspace(0, 255, 64).round().astype(np.uint8)
    edge = np.stack([np.tile(x, (64, 1))] * 3, axis=2)
    Image.fromarray(edge).save(folder / "n02" / "0.png")
    cropped = read_subset(folder, CLASSES, 56).images.for_testing([0])[0]
    whole = read_subset(folder, CLASSES, 64, whole=True).images.for_testing([0])[0]
    assert np.array_equal(whole, edge)
    # 56 of 64 pixels are kept: four are lost on each side.
    assert np.array_equal(cropped, edge[4:-4, 4:-4])


def test_predictions_are_among_the_folders_classes(folder):
    found = read_subset(folder, CLASSES, 24)
    logits = np.array([[9, 1, 9, 2, 9], [9, 2, 9, 1, 9], [0, -5, 0, -4, 0]], np.float32)
    kept = found.restricted(logits)
    assert kept.tolist() == [[1, 2], [2, 1], [-5, -4]]
    assert (kept.argmax(axis=1) != found.images.labels).mean() == pytest.approx(2 / 3)


def test_known_images_are_of_the_classes_that_take_part(folder):
    found = read_subset(folder, CLASSES, 24)
    assert found.of_subset(np.array([3, 0, 1, 4, 3])).tolist() == [0, 2, 4]
    assert found.of_subset(np.array([0, 2])).tolist() == []


def test_what_cannot_be_used_is_named(folder, tmp_path):
    with pytest.raises(RunError, match=r"nowhere does not exist; use a folder with"):
        read_subset(tmp_path / "nowhere", CLASSES, 24)
    with pytest.raises(RunError, match=r"no folder in .*renditions .*has n02, n04, n99, .*cat"):
        read_subset(folder, ("cat", "dog"), 24)
    (folder / "n02" / "0.png").write_bytes(b"no image")
    found = read_subset(folder, CLASSES, 24)
    with pytest.raises(RunError, match=r"n02.0\.png: not an image"):
        found.images.for_testing([0])
    for path in (*(folder / "n02").iterdir(), *(folder / "n04").iterdir()):
        path.unlink()
    with pytest.raises(RunError, match="holds no images in the folders n02, n04"):
        read_subset(folder, CLASSES, 24)

import numpy as np
import pytest

import fractalgen as fg
from fractalgen.mixing_set.building.build import build
from fractalgen.mixing_set.recipes.recipe import Recipe


def test_image_folder_reads_a_class_set(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    counts = {"classes": 3, "instances": 2}
    build(Recipe(32, format="png", families={"visual-atoms": counts}, gray=True), tmp_path)
    found = datasets.ImageFolder(tmp_path)
    assert found.classes == ["class-000000", "class-000001", "class-000002"]
    assert found.targets == [0, 0, 1, 1, 2, 2]
    for number, (image, label) in enumerate(found):
        spec = fg.sample("visual-atoms", class_=label, instance=number % 2, gray=True)
        assert np.array_equal(np.asarray(image), fg.render(spec, size=32))

import re

import numpy as np
import pytest

from fractalgen.families import FAMILIES, render, sample
from fractalgen.families.classes import class_family, class_params, families_with_classes
from fractalgen.mixing_set.stores.record import Record, params_text

FAMILIES_WITH_CLASSES = families_with_classes()
COLOR = re.compile(r"#[0-9a-f]{6}")


def test_the_families_of_formula_driven_pre_training_have_classes():
    assert set(FAMILIES_WITH_CLASSES) == {
        "escape-time",
        "ifs",
        "radial-contours",
        "visual-atoms",
        "fractal-db",
    }


@pytest.mark.parametrize("family", FAMILIES_WITH_CLASSES)
def test_an_instance_depends_on_its_numbers_alone_and_each_number_matters(family):
    spec = sample(family, seed=2, class_=3, instance=4)
    others = [
        sample(family, seed=1, class_=3, instance=4),
        sample(family, seed=2, class_=4, instance=4),
        sample(family, seed=2, class_=3, instance=5),
        sample(family, seed=2, index=3),
        sample(family, seed=2, index=4),
    ]
    class_params.cache_clear()
    assert sample(family, seed=2, class_=3, instance=4) == spec
    assert (spec.class_, spec.index) == (3, 4)
    images = [render(one, size=32).tobytes() for one in (spec, *others)]
    assert len(set(images)) == len(images)


@pytest.mark.parametrize("family", FAMILIES_WITH_CLASSES)
@pytest.mark.parametrize("instance", range(4))
def test_a_record_gives_back_the_instance(family, instance):
    spec = sample(family, seed=2, class_=12, instance=instance, gray=instance == 1)
    record = Record(
        f"class-000012/{instance:06d}.jpg",
        16,
        16,
        1,
        "0" * 64,
        "0" * 64,
        2,
        spec.attempt,
        params_text(spec.params),
        class_family=family,
        gray=spec.gray,
    )
    again = Record.from_line(record.to_line())
    assert again == record
    assert again.spec() == spec
    assert (again.family, again.class_, again.key) == (family, 12, ("class-000012", instance))


@pytest.mark.parametrize("family", FAMILIES_WITH_CLASSES)
def test_colours_do_not_tell_the_class(family):
    drawn = [
        params_text(sample(family, class_=0, instance=i, palette="random").params) for i in range(6)
    ]
    colors = [frozenset(COLOR.findall(text)) for text in drawn]
    assert len(set(colors)) == len(colors)
    assert not frozenset.intersection(*colors)


@pytest.mark.parametrize("family", FAMILIES_WITH_CLASSES)
def test_a_class_keeps_its_parameters_while_instances_are_drawn_from_it(family):
    kind = class_family(family)()
    params = class_params(kind, 0, 5)
    before = params_text(params)
    instances = [kind.vary(params, np.random.default_rng(seed)) for seed in range(5)]
    assert params_text(params) == before
    assert len({params_text(one) for one in instances}) == 5


def spectrum(family, class_, instance):
    """Shares of light in bands of frequency and direction, whatever its place, mirrored or not."""
    light = render(sample(family, class_=class_, instance=instance, gray=True), size=64)[..., 0]
    power = np.abs(np.fft.fft2(light - light.mean()))
    power = power + power[:, np.r_[0, 63:0:-1]]
    shares = np.sqrt(power[:20, :20] + 1e-9)
    return (shares / np.linalg.norm(shares)).ravel()


@pytest.mark.parametrize("family", FAMILIES_WITH_CLASSES)
def test_instances_look_like_their_class(family):
    n_classes, n_known = 12, 8
    table = np.array(
        [[spectrum(family, c, i) for i in range(n_known + 4)] for c in range(n_classes)]
    )
    known, held_out = table[:, :n_known].mean(1), table[:, n_known:]
    nearest = np.einsum("cif,kf->cik", held_out, known).argmax(2)
    assert np.mean(nearest == np.arange(n_classes)[:, np.newaxis]) >= 0.25  # by chance: 0.08


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(FAMILIES_WITH_CLASSES)))
def test_a_family_without_classes_names_those_that_have(family):
    with pytest.raises(ValueError, match=f"{family} has no classes; these families have: escape"):
        sample(family, class_=0, instance=0)

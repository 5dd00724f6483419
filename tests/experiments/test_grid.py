from pathlib import Path

import pytest

from fractalgen.errors import RunUsageError
from fractalgen.experiments.grid import Grid
from fractalgen.experiments.variant import Variant


def variants(*texts):
    return tuple(Variant.parse(text) for text in texts)


def test_every_combination_once_and_methods_without_a_set_for_no_set():
    grid = Grid(
        variants("vanilla", "ipmix"),
        models=("resnet-8", "wrn-16-1"),
        seeds=(0, 1),
        sets=("a", "b"),
        common={"epochs": 2},
        out=Path("out"),
    )
    found = grid.experiments()
    assert len(found) == 2 * 2 * (1 + 2)
    names = [experiment.name for experiment in found]
    assert names[:3] == [
        "digits-resnet-8-vanilla-0",
        "digits-resnet-8-ipmix-a-0",
        "digits-resnet-8-ipmix-b-0",
    ]
    assert [experiment.config.seed for experiment in found] == [0] * 6 + [1] * 6
    assert {experiment.config.epochs for experiment in found} == {2}
    assert found[0].folder == Path("out/runs/digits-resnet-8-vanilla-0")
    assert found == grid.experiments()


def test_sets_of_the_same_name_and_long_variants_have_folders_of_their_own():
    grid = Grid(variants("ipmix"), sets=("one/set", "two/set"))
    names = [experiment.name for experiment in grid.experiments()]
    assert len(set(names)) == 2
    assert all(name.startswith("digits-resnet-8-ipmix-set-0-") for name in names)


def test_a_variant_can_have_a_set_of_its_own():
    own = Variant("ipmix", (), "RCDB", "sets/rcdb")
    (experiment,) = Grid((own,), sets=("a", "b")).experiments()
    assert experiment.set_folder == Path("sets/rcdb")


def test_a_set_can_be_a_url():
    (one,) = Grid(variants("ipmix"), sets=("s3://bucket/some/set",)).experiments()
    assert one.set_folder == "s3://bucket/some/set"
    assert one.name == "digits-resnet-8-ipmix-set-0"


def test_every_run_is_measured_with_the_same_options():
    found = Grid(variants("vanilla", "ipmix"), measure={"limit": 5, "pgd_steps": 0}).experiments()
    first, second = (experiment.measure for experiment in found)
    assert first == second
    assert (first["limit"], first["pgd_steps"], first["ood"]) == (5, 0, ["noise"])
    assert first["corruptions"] == ["generate"]
    (fractals,) = Grid(variants("vanilla"), measure={"ood": "fractals"}).experiments()
    assert fractals.measure["set_folder"] == "ipmix-set"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"variants": variants("vanilla", "vanilla")}, "the method 'vanilla' is given twice"),
        ({"variants": variants("ipmix", "ipmix:k=3")}, "'ipmix' and 'ipmix:k=3' are the same run"),
        ({"variants": ()}, "a comparison needs at least one method"),
        ({"seeds": (0, 1, 0)}, "the seed '0' is given twice"),
        ({"sets": ("a", "./a")}, "the mixing set 'a' is given twice"),
        ({"datasets": ("digts",)}, "did you mean 'digits'?"),
        ({"models": ("resnet8",)}, "did you mean 'resnet-8'?"),
        ({"measure": {"limt": 3}}, "no measurement has an option 'limt': did you mean 'limit'"),
        ({"measure": {"images": "tests"}}, "images cannot be 'tests': did you mean 'test'?"),
        ({"common": {"epochs": 0}}, "epochs must be"),
        # These would be found only after the training.
        (
            {"measure": {"ood": "cifar11"}},
            "--ood cifar11 is neither a folder nor one of noise, frac",
        ),
        (
            {"measure": {"ood": ["noise", "folder:nowhere"]}},
            "--ood folder:nowhere is neither a folder",
        ),
        ({"measure": {"ood": "digits"}}, "the networks are trained on it"),
        ({"measure": {"natural_shift": "nowhere"}}, "there is no such folder"),
        ({"measure": {"images": "validation"}}, "add --hold-out 0.1"),
    ],
)
def test_bad_grids(change, says):
    with pytest.raises(RunUsageError) as error:
        Grid(**{"variants": variants("vanilla"), **change}).experiments()
    assert says in str(error.value)


def test_images_to_measure_on_that_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    sources = ["noise", "cifar10", "~/photos", f"folder:{tmp_path}/photos"]
    (one,) = Grid(variants("vanilla"), measure={"ood": sources}).experiments()
    assert one.measure["ood"] == sources
    held_out = Grid(variants("vanilla:hold_out=0.1"), measure={"images": "validation"})
    assert len(held_out.experiments()) == 1

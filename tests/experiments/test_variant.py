import pytest

from fractalgen.errors import RunUsageError
from fractalgen.experiments.variant import Variant, parse_all, slug
from fractalgen.methods import METHODS
from fractalgen.training.datasets import DATASETS


def test_values_have_the_types_of_the_options():
    text = "ipmix:levels=image+patch:jsd=false:k=4:beta=2:mixing-ops=add:patch_sizes=4+image"
    method = Variant.parse(text).config({"dataset": "digits"}).method
    assert (method.levels, method.jsd, method.k, method.beta) == (("image", "patch"), False, 4, 2.0)
    assert (method.mixing_ops, method.patch_sizes) == (("add",), (4, "image"))
    assert Variant.parse("ipmix:patch_sizes=imagenet").config({}).method.patch_sizes == "imagenet"


def test_own_settings_come_before_those_of_the_comparison():
    common = {"epochs": 9, "batch_size": 64}
    config = Variant.parse("ipmix:recipe=official:epochs=3").config(common)
    assert (config.epochs, config.batch_size, config.method.compat) == (3, 64, "official")


def test_the_text_is_read_back():
    variant = Variant.parse("ipmix: levels=image+pixel : jsd=off")
    assert variant.text == "ipmix:levels=image+pixel:jsd=false"
    assert Variant.parse(variant.text).config({}) == variant.config({})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ipmx", "unknown method 'ipmx': did you mean 'ipmix'?"),
        ("ipmix:leels=image", "ipmix has no option 'leels': did you mean 'levels'?"),
        ("vanilla:jsd=true", "vanilla has no option 'jsd'"),
        ("ipmix:seed=3", "ipmix has no option 'seed'"),
        ("ipmix:k", "'k' in 'ipmix:k' must be OPTION=VALUE"),
        ("ipmix:k=", "must be OPTION=VALUE"),
        ("ipmix:k=2:k=3", "gives k twice"),
        ("ipmix:k=99", "ipmix:k=99: k must be a whole number from 1 to 8, not 99"),
        ("ipmix:levels=imag", "ipmix:levels=imag: "),
    ],
)
def test_errors_name_the_variant(text, says):
    with pytest.raises(RunUsageError) as error:
        Variant.parse(text).config({"dataset": "digits"})
    assert says in str(error.value)


@pytest.mark.parametrize("dataset", [*DATASETS, "folder:photos"])
def test_all_stands_for_every_method_on_every_data_set(dataset):
    *every, other = parse_all(["all", "ipmix:jsd=false"])
    assert [variant.config({"dataset": dataset}).method.name for variant in every] == [*METHODS]
    assert every[0].method == "vanilla"  # the baseline
    assert other.label == "ipmix:jsd=false"


def test_parts_of_file_names():
    assert slug("ipmix:levels=image+patch") == "ipmix-levels-image-patch"
    assert slug("../..") == "x"
    long = [slug("a" * 100 + end) for end in "xy"]
    assert long[0] != long[1]
    assert max(map(len, long)) < 80

import pytest

from fractalgen.cli.compare import compare
from fractalgen.errors import RunUsageError
from fractalgen.experiments.grid import Grid
from fractalgen.experiments.layout import LAYOUTS, SPLIT
from fractalgen.experiments.metrics import METRICS, check_sources, find_metrics, measured_for
from fractalgen.experiments.presets import PRESETS, check_data, find_preset
from fractalgen.experiments.variant import Variant
from fractalgen.methods import METHODS
from tests.cli.conftest import run as run  # the fixture

THE_PAPERS = {
    *("vanilla", "cutout", "mixup", "cutmix", "augmix", "augmax", "pixmix", "ipmix"),
    *("augmix+mixup+cutmix", "augmix+cutmix+mixup"),
}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_grid(name):
    preset = PRESETS[name]
    assert {text.partition(":")[0] for text in preset.methods.values()} <= THE_PAPERS
    registered = {
        label: text
        for label, text in preset.methods.items()
        if all(part in METHODS for part in text.partition(":")[0].split("+"))
    }
    variants = tuple(Variant.parse(text) for text in registered.values())
    datasets = preset.datasets or ("folder:photos",)
    measure = measured_for(find_metrics(preset.metrics))
    grid = Grid(variants, datasets, preset.models, preset.seeds, measure=measure)
    n = len(variants) * len(datasets) * len(preset.models) * len(preset.seeds)
    assert len(grid.experiments()) == n > 0
    assert preset.layout in LAYOUTS
    assert (preset.layout == "crossed") == all(SPLIT in label for label in preset.methods)
    assert bool(preset.datasets) != bool(preset.needs)


def test_the_help_page_lists_every_preset():
    (text,) = [param.help for param in compare.params if param.name == "preset"]
    assert all(name in text for name in PRESETS)


def test_options_of_table_10():
    texts = PRESETS["table10"].methods.values()
    methods = [Variant.parse(text).config({}).method for text in texts]
    assert {(method.k, method.t) for method in methods} == {
        (k, t) for k in (2, 3, 4) for t in (2, 3)
    }


def test_table_8_has_a_row_for_each_recipe_or_for_each_set_of_the_user():
    preset = PRESETS["table8"]
    assert [one.label for one in preset.variants()] == list(preset.recipes)
    own = preset.variants(("here/mine", "other"))
    assert [(one.label, one.set_folder) for one in own] == [
        ("mine", "here/mine"),
        ("other", "other"),
    ]
    assert [one.label for one in preset.variants(("a/set", "b/set"))] == ["a/set", "b/set"]


def test_recipes_of_table_8_ship():
    from fractalgen.mixing_set.recipes.shipped import recipe_path

    for recipe in PRESETS["table8"].recipes.values():
        assert recipe_path(recipe).is_file()


def test_missing_data_is_named_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    preset = PRESETS["table8"]
    (tmp_path / "sets/rcdb").mkdir(parents=True)
    with pytest.raises(RunUsageError) as error:
        check_data("table8", preset, ("digits",), preset.variants(), ())
    assert "'fractalgen build-set sets/dead-leaves --recipe dead-leaves'" in str(error.value)
    assert "sets/rcdb" not in str(error.value)
    levels = PRESETS["table7"]
    with pytest.raises(RunUsageError, match="'fractalgen build-set ipmix-set --recipe ipmix'"):
        check_data("table7", levels, ("digits",), levels.variants(), ("ipmix-set",))
    with pytest.raises(RunUsageError, match="needs ImageNet: give its folder with --dataset"):
        check_data("table5", PRESETS["table5"], (), (), ())


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(RunUsageError, match="unknown preset 'tabel8': did you mean 'table8'"):
        find_preset("tabel8")
    with pytest.raises(RunUsageError, match="unknown metric 'mcee': did you mean 'mce'"):
        find_metrics(["mcee"])


def test_what_no_metric_shows_is_skipped():
    skipped = measured_for(find_metrics(["clean-error", "mce"]))
    assert skipped == {"perturbations": "none", "pgd_steps": 0, "ood": ("none",)}
    assert measured_for(METRICS.values()) == {"corruptions": ("generate", "cbar")}


def test_a_metric_of_c_bar_measures_it():
    assert measured_for(find_metrics(["mce-cbar"]))["corruptions"] == ("cbar",)
    both = measured_for(find_metrics(["mce-cbar", "mce"]))
    assert both["corruptions"] == ("generate", "cbar")


def test_a_metric_that_would_stay_empty_says_what_it_needs():
    for name, given, needs in (
        ("autoattack-error", {}, "autoattack-error needs --autoattack linf"),
        ("mce-cbar", {"corruptions": ("generate",)}, "mce-cbar needs --corruptions cbar"),
        ("imagenet-r-error", {}, "needs --natural-shift DIR, where the name of DIR has imagenet-r"),
        ("imagenet-a-rms", {"natural_shift": ["in/ImageNet-R"]}, "has imagenet-a in it"),
        ("imagenet-o-aupr", {"ood": ("noise",)}, "needs --imagenet-o DIR"),
        ("mce", {"corruptions": ["cbar"]}, "mce cannot be measured with --corruptions cbar"),
        ("auroc", {"ood": "none"}, "auroc cannot be measured with --ood none"),
        ("pgd-error", {"pgd_steps": 0}, "pgd-error cannot be measured with --pgd-steps 0"),
    ):
        with pytest.raises(RunUsageError) as error:
            check_sources(["clean-error", name], given)
        assert needs in str(error.value)
    check_sources(
        ["clean-error", "mce-cbar", "autoattack-error", "imagenet-r-error", "imagenet-o-aupr"],
        {
            "ood": ("none",),
            "corruptions": ("generate", "in/CIFAR-10-C-bar"),
            "autoattack": "l2",
            "natural_shift": "in/imagenet-r",
            "imagenet_o": "in/ImageNet-O",
        },
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "tabel8"], "did you mean 'table8'?"),
        (["--preset", "table4"], "'table3' has tables 3 and 4"),
        (["--preset", "table1"], "unknown preset 'table1': choose from table2, table3,"),
        (["--preset", "table8", "--dataset", "digits"], "build-set sets/rcdb --recipe rcdb"),
        (["--methods", "ipmx"], "did you mean 'ipmix'?"),
        (["--methods", "all,co-mixup"], "the method 'co-mixup' is given twice"),
        (["--methods", "vanilla", "--metrics", "mcee"], "did you mean 'mce'?"),
        (["--methods", "vanilla", "--seeds", "0,x"], "must be whole numbers from 0, such as"),
        (["--methods", "vanilla", "--model", "resnet8"], "did you mean 'resnet-8'?"),
        (["--methods", "vanilla", "--pgd-norm", "l3"], "'linf', 'l2'"),
        (
            ["--methods", "vanilla", "--corruptions", "CIFAR-10-C"],
            "--corruptions CIFAR-10-C is neither a folder nor one of generate, cbar, none",
        ),
        (
            ["--methods", "vanilla", "--natural-shift", "nope"],
            "--natural-shift nope: there is no such folder",
        ),
    ],
)
def test_the_command_fails_before_anything_is_written(run, tmp_path, arguments, says):
    result = run("compare", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert list(tmp_path.iterdir()) == []

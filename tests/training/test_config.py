import dataclasses
import inspect
import json

import pytest

from fractalgen.errors import RunError, RunUsageError
from fractalgen.methods.ipmix import IPMixMethod
from fractalgen.training.config import RECIPES, Config, configure, differing_keys
from fractalgen.training.datasets import DATASETS, FOLDER_PREFIX, find_data_set
from fractalgen.training.loop import cosine_rate
from fractalgen.training.models import MODELS


def test_a_configuration_survives_json():
    config = configure(dataset="cifar10", levels=("image", "pixel"), beta=4.0, seed=7)
    assert Config.from_json(json.loads(json.dumps(config.as_json()))) == config
    vanilla = configure(method="vanilla")
    assert Config.from_json(json.loads(json.dumps(vanilla.as_json()))) == vanilla


def test_a_configuration_of_before_methods_had_options_is_read():
    new = configure(k=2, jsd=False, levels=("image",)).as_json()
    options = new.pop("ipmix")
    before = {**new, "jsd": options.pop("jsd"), "ipmix": options}
    assert Config.from_json(before) == configure(k=2, jsd=False, levels=("image",))
    vanilla = configure(method="vanilla").as_json()
    del vanilla["vanilla"]
    before = {**vanilla, "jsd": False, "ipmix": None}
    assert Config.from_json(before) == configure(method="vanilla")


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("dataset", [*DATASETS, f"{FOLDER_PREFIX}photos"])
def test_every_data_set_has_settings_of_its_own_for_every_recipe(dataset, recipe):
    defaults = find_data_set(dataset).recipes[recipe]
    assert defaults.model in MODELS
    assert set(defaults.epochs_of) <= set(MODELS)
    assert configure(dataset=dataset, recipe=recipe).model == defaults.model


@pytest.mark.parametrize("data", [None, [], {}, {"dataset": "digits"}, {"ipmix": {"zoom": 1}}])
def test_what_is_no_configuration_is_refused(data):
    with pytest.raises(RunError, match="configuration"):
        Config.from_json(data)


def test_differences_are_named_with_both_values():
    ours = configure(dataset="digits", k=4, seed=1, levels=("image",))
    theirs = configure(dataset="digits", seed=2)
    found = differing_keys(ours, theirs)
    assert found == [
        "seed 2 (now 1)",
        "k 3 (now 4)",
        "levels image,patch,pixel (now image)",
    ]
    assert differing_keys(ours, ours) == []


def test_another_method_is_a_difference():
    found = differing_keys(configure(method="vanilla"), configure())
    assert "method ipmix (now vanilla)" in found


@pytest.mark.parametrize(
    ("recipe", "dataset", "model", "expected"),
    [
        # The paper's appendix A: Wide ResNets 100 epochs, others 200, weight decay 1e-4.
        ("paper", "cifar100", None, ("wrn-40-4", 100, 128, 0.1, 1e-4)),
        ("paper", "cifar10", "resnext-29-4x32", ("resnext-29-4x32", 200, 128, 0.1, 1e-4)),
        ("paper", "folder:photos", None, ("resnet-50", 180, 256, 0.01, 1e-4)),
        # The public code: 100 epochs of everything on CIFAR, weight decay 5e-4.
        ("official", "cifar10", "resnet-18", ("resnet-18", 100, 128, 0.1, 5e-4)),
        ("official", "folder:photos", None, ("resnet-50", 180, 128, 0.01, 1e-4)),
    ],
)
def test_recipes_are_the_published_ones(recipe, dataset, model, expected):
    config = configure(recipe=recipe, dataset=dataset, model=model)
    found = (
        config.model,
        config.epochs,
        config.batch_size,
        config.learning_rate,
        config.weight_decay,
    )
    assert found == expected
    assert config.final_learning_rate == 1e-6
    assert config.momentum == 0.9
    assert config.method.compat == recipe
    strengths = (config.method.beta, config.method.severity, config.method.patch_sizes)
    imagenet = dataset.startswith("folder:")
    assert strengths == ((4.0, 1.0, "imagenet") if imagenet else (3.0, 3.0, "cifar"))


def test_our_recipe_mixes_other_operations_and_averages_the_weights():
    config = configure(recipe="fractalgen", dataset="fashion-mnist")
    assert (config.epochs, config.batch_size, config.average) == (7, 32, 0.998)
    assert (config.method.jsd, config.method.clean_share) == (False, 0.0)
    drawn = config.method.image_ops
    assert sum(name in ("filter", "tone", "warp") for name in drawn) == len(drawn) / 2
    assert configure(recipe="fractalgen", average=0.0).average == 0.0
    for recipe in ("paper", "official"):
        others = configure(recipe=recipe, dataset="fashion-mnist")
        assert (others.average, others.method.clean_share, others.method.pairs) == (0, 0, False)


def test_what_is_given_wins_over_the_recipe():
    config = configure(epochs=3, batch_size=32, k=5, severity=2.0, model="wrn-16-1")
    assert (config.epochs, config.batch_size, config.model) == (3, 32, "wrn-16-1")
    assert config.method == IPMixMethod(k=5, severity=2.0)


def test_the_transformer_starts_with_a_rate_at_which_it_learns():
    assert configure(model="vit-small").learning_rate == 0.01
    assert configure(model="vit-small", learning_rate=0.05).learning_rate == 0.05


def test_vanilla_has_neither_views_nor_settings():
    assert configure(method="vanilla").as_json()["vanilla"] == {}
    assert configure(method="vanilla").method.n_views == 1
    assert configure().method.n_views == 3
    assert configure(jsd=False).method.n_views == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "ipmx"}, "did you mean 'ipmix'"),
        ({"recipe": "papper"}, "did you mean 'paper'"),
        ({"method": "vanilla", "k": 3, "beta": 1.0}, "has no beta, no k; .* or use ipmix"),
        ({"method": "vanilla", "jsd": False}, "has no jsd"),
        ({"dataset": "digit"}, "unknown data set 'digit': did you mean 'digits'"),
        ({"model": "resnet8"}, "unknown model 'resnet8': did you mean 'resnet-8'"),
        ({"k": 99}, "k must be a whole number from 1 to 8"),
        ({"learning_rate": 0.0}, "learning_rate must be a number from 1e-12 to 1000, not 0.0"),
        ({"weight_decay": -1.0}, "weight_decay must be a number from 0 to 1, not -1.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number .* not nan"),
        ({"learning_rate": "0.1"}, "learning_rate must be a number .* not '0.1'"),
        ({"epoch": 2}, "unknown option 'epoch': did you mean 'epochs'"),
        ({"epoch": None}, "unknown option 'epoch': did you mean 'epochs'"),
        ({"image-size": 32}, "unknown option 'image-size': did you mean 'image_size'"),
        ({"ipmix": None}, "unknown option 'ipmix'"),
        ({"momentum": 0.5}, "unknown option 'momentum': choose from dataset, model"),
        ({"epochs": 2.5}, "epochs must be a whole number from 1 to .* not 2.5"),
        ({"epochs": True}, "epochs must be a whole number from 1 to .* not True"),
        ({"batch_size": "64"}, "batch_size must be a whole number from 2 to .* not '64'"),
        ({"seed": -1}, "seed must be a whole number from 0 to .* not -1"),
        ({"image_size": 8.0}, "image_size must be a whole number from 1 to .* not 8.0"),
        ({"dataset": None}, "dataset must be a name, not None"),
        ({"model": 18}, "model must be a name, not 18"),
        ({"method": None}, "unknown method None: choose from vanilla, ipmix, cutout"),
        ({"recipe": 3}, "recipe must be one of paper, official, fractalgen, not 3"),
        ({"jsd": "no"}, "jsd must be True or False, not 'no'"),
        ({"average": 1.0}, "average must be a number from 0 to .* not 1.0"),
        ({"pairs": True}, "pairs is for training without jsd"),
        ({"clean_share": 0.5}, "clean_share is for training without jsd"),
        ({"clean_share": 1.5, "jsd": False}, "clean_share must be a number from 0 to 1, not 1.5"),
        ({"weights": 3}, "weights must be a name or None, not 3"),
    ],
)
def test_what_cannot_be_is_refused_in_words(given, message):
    with pytest.raises(RunUsageError, match=message):
        configure(**given)


def test_every_option_of_a_configuration_is_told_of():
    """What is unknown is told the nearest of all that `configure` takes."""
    taken = set(inspect.signature(configure).parameters) - {"options"}
    taken |= {field.name for field in dataclasses.fields(IPMixMethod)}
    for name in taken:
        with pytest.raises(RunUsageError, match=f"did you mean '{name}'"):
            configure(**{f"{name}_": 1})


def test_the_learning_rate_falls_as_torch_has_it():
    import torch

    n_steps = 40
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps, eta_min=1e-6)
    for step in range(n_steps):
        assert cosine_rate(step, n_steps, 0.1, 1e-6) == pytest.approx(
            optimizer.param_groups[0]["lr"], rel=1e-9
        )
        optimizer.step()
        scheduler.step()

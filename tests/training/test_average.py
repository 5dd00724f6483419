"""The average of the weights, and a recipe's runs with it."""

import pytest
import torch

from fractalgen.training.average import WeightAverage
from fractalgen.training.checkpoints import read_checkpoint
from fractalgen.training.config import configure
from fractalgen.training.progress import Callbacks
from fractalgen.training.run import load_run
from fractalgen.training.run_folder import RunFolder
from fractalgen.training.train import train


def with_statistics():
    network = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    set_all(network, 10.0)
    return network


def set_all(network, value):
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.fill_(value)


def test_the_average_against_values_worked_by_hand():
    """The decay is 1/10, 2/11, 3/12 and then 0.3, as that is less than 4/13."""
    network = with_statistics()
    average = WeightAverage(network, 0.3)
    expected = 10.0
    for step, (weight, decay) in enumerate([(20, 0.1), (30, 2 / 11), (40, 0.25), (50, 0.3)]):
        set_all(network, weight)
        average.update(step)
        expected = decay * expected + (1 - decay) * weight
        for name in ("0.weight", "0.bias", "1.weight", "1.running_mean", "1.running_var"):
            assert average.tensors[name].item() == pytest.approx(expected, rel=1e-6)
        assert average.tensors["1.num_batches_tracked"].item() == weight
        assert network.state_dict()["0.weight"].item() == weight


def test_the_network_gets_its_own_weights_back():
    network = with_statistics()
    average = WeightAverage(network, 0.5)
    set_all(network, 7.0)
    with average.in_network() as kept:
        assert network[0].weight.item() == network[1].running_mean.item() == 10.0
        assert kept["0.weight"].item() == 7.0
    assert all(value.item() == 7.0 for value in network.state_dict().values())


def config_of(**given):
    return configure(
        recipe="fractalgen", image_size=8, batch_size=128, method="vanilla", epochs=2, **given
    )


class StopError(Exception):
    pass


def test_an_interrupted_run_ends_with_the_same_average(tmp_path):
    def stop(report):
        if (report.epoch, report.step) >= (2, 5):
            raise StopError

    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    outcome = train(config_of(), out=whole)
    with pytest.raises(StopError):
        train(config_of(), out=resumed, callbacks=Callbacks(step=stop))
    again = train(config_of(), out=resumed, resume=True)
    ours, theirs = (read_checkpoint(RunFolder(folder).last) for folder in (whole, resumed))
    for part in ("model", "momentum", "trained"):
        tensors = getattr(theirs, part)
        assert tensors.keys() == getattr(ours, part).keys()
        for name, value in getattr(ours, part).items():
            assert torch.equal(value, tensors[name]), name
    errors = [record.test_error for record in outcome.history]
    assert errors == [record.test_error for record in again.history]


def test_the_average_does_not_change_the_training_and_is_what_is_tested(tmp_path):
    averaged = train(config_of(), out=tmp_path / "averaged")
    plain = train(config_of(average=0), out=tmp_path / "plain")
    ours, theirs = (read_checkpoint(RunFolder(run.folder).last) for run in (averaged, plain))
    assert not theirs.trained
    for name, value in theirs.model.items():
        assert torch.equal(value, ours.trained[name]), name
    name = next(name for name, value in ours.model.items() if value.is_floating_point())
    assert not torch.equal(ours.model[name], ours.trained[name])
    best = read_checkpoint(RunFolder(averaged.folder).best)
    assert not best.trained
    run = load_run(averaged.folder)
    pixels = run.data.test.for_testing(range(len(run.data.test)))
    with torch.inference_mode():
        wrong = run.model(run.preprocess(pixels)).argmax(dim=1).numpy() != run.data.test.labels
    assert wrong.mean() == pytest.approx(averaged.history[-1].test_error, abs=0.5 / len(pixels))

import dataclasses

import pytest

from fractalgen.experiments.grid import Grid
from fractalgen.experiments.state import Found, Step, decide, look, placed
from fractalgen.experiments.variant import Variant
from fractalgen.training.run_folder import RunFile, RunFolder
from tests.evaluation.example_results import clean_results

(EXPERIMENT,) = Grid(
    (Variant.parse("ipmix"),), common={"epochs": 3}, measure={"limit": 10, "pgd_steps": 0}
).experiments()
SHA = "5f2b" * 16
RESULTS = dataclasses.replace(
    clean_results(), options=dict(EXPERIMENT.measure), finished=True, versions={"torch": "2.1"}
)
DONE = Found(
    config=EXPERIMENT.config,
    epoch=3,
    checkpoint=SHA,
    set_digest="s",
    wanted_digest="s",
    results=RESULTS,
    versions={"torch": "2.1"},
)


def found(**changes):
    return dataclasses.replace(DONE, **changes)


def results(**changes):
    return dataclasses.replace(RESULTS, **changes)


def test_what_is_done_is_not_done_again():
    assert decide(EXPERIMENT, DONE).step is Step.DONE
    assert decide(EXPERIMENT, found(wanted_digest=None)).step is Step.DONE  # the set was removed


def test_training_starts_and_resumes():
    assert decide(EXPERIMENT, Found()).step is Step.TRAIN
    decision = decide(EXPERIMENT, found(epoch=2, results=None))
    assert (decision.step, decision.reason) == (Step.RESUME, "after epoch 2 of 3")


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (None, "not measured yet"),
        (results(finished=False), "not all was measured"),
        (results(options={**RESULTS.options, "limit": 20}), "measured with limit 20, now 10"),
        (results(options={**RESULTS.options, "limit": None}), "measured with limit none, now 10"),
        (
            results(options={**RESULTS.options, "corruptions": ["CIFAR-10-C"]}),
            "measured with corruptions CIFAR-10-C, now generate",
        ),
        (results(versions={"torch": "2.0"}), "measured with torch 2.0, now 2.1"),
        (results(checkpoint={"sha256": "0" * 64}), "another checkpoint was measured"),
    ],
)
def test_unlike_measurements_are_made_again(measured, reason):
    decision = decide(EXPERIMENT, found(results=measured))
    assert (decision.step, decision.reason) == (Step.EVALUATE, reason)


def test_added_results_count_by_the_version_that_measured_last():
    assert decide(EXPERIMENT, found(results=results(versions={"torch": "2.0, 2.1"}))).step is (
        Step.DONE
    )


def test_another_python_changes_no_figure():
    measured = results(versions={"torch": "2.1", "python": "3.10"})
    now = {"torch": "2.1", "python": "3.12"}
    assert decide(EXPERIMENT, found(results=measured, versions=now)).step is Step.DONE


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"config": dataclasses.replace(EXPERIMENT.config, epochs=5)}, "epochs 5 (now 3)"),
        ({"set_digest": "t"}, "another mixing set"),
        ({"config": None, "foreign": "thesis.tex"}, "not part of a run (thesis.tex)"),
    ],
)
def test_another_run_is_refused(change, says):
    decision = decide(EXPERIMENT, found(**change))
    assert decision.step is Step.REFUSE
    assert says in decision.reason


def test_weights_are_recorded_by_their_digest_and_still_the_same_run():
    named = dataclasses.replace(EXPERIMENT.config, weights="pretrained")
    recorded = dataclasses.replace(EXPERIMENT.config, weights="sha256:00")
    wanted = dataclasses.replace(EXPERIMENT, config=named)
    assert decide(wanted, found(config=recorded)).step is Step.DONE


def test_files_of_others_are_seen(tmp_path):
    experiment = dataclasses.replace(EXPERIMENT, folder=tmp_path)
    assert look(experiment, {}).foreign is None
    (tmp_path / "thesis.tex").touch()
    assert look(experiment, {}).foreign == "thesis.tex"


def test_weights_from_another_file_are_another_run():
    config = dataclasses.replace(EXPERIMENT.config, weights="b.pt")
    experiment = dataclasses.replace(EXPERIMENT, config=config)
    recorded = dataclasses.replace(EXPERIMENT.config, weights="sha256:a")
    assert decide(experiment, found(config=recorded, wanted_weights="sha256:b")).step is Step.REFUSE
    assert decide(experiment, found(config=recorded, wanted_weights="sha256:a")).step is Step.DONE


def begin(experiment):
    """Leave the description of a run where it is trained."""
    folder = RunFolder(experiment.folder)
    folder.path.mkdir(parents=True)
    set_folder = str(experiment.set_folder.absolute())
    description = RunFile(experiment.config, set_folder, f"of {set_folder}", "", {})
    folder.claim(description, overwrite=False)
    return experiment.folder


def test_runs_keep_their_folders_whatever_sets_join_or_leave(tmp_path):
    def experiments(*sets, epochs=3):
        variants = (Variant.parse("ipmix"),)
        grid = Grid(variants, sets=sets, common={"epochs": epochs}, out=tmp_path)
        return placed(grid.experiments())

    (first,) = experiments("a/set")
    short = begin(first)
    assert short.name == "digits-resnet-8-ipmix-set-0"
    second, again = experiments("b/set", "a/set")
    assert again.folder == short
    long = begin(second)
    assert long.name.startswith(f"{short.name}-")
    assert [one.folder for one in experiments("a/set", "b/set")] == [short, long]
    assert [one.folder for one in experiments("b/set")] == [long]
    # Of another configuration, neither has a run yet.
    others = {one.folder for one in experiments("a/set", "b/set", epochs=5)}
    assert len(others - {short, long}) == 2

import pytest

from fractalgen.training.errors import RunError, RunUsageError
from fractalgen.training.recipes import configure
from fractalgen.training.run_folder import EpochRecord, RunFile, RunFolder, default_run_folder


def run_file(digest="d" * 32, **given):
    return RunFile(configure(**given), "ipmix-set", digest, {"fractalgen": "0"})


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "one")
    folder.claim(run_file(), resume=False, overwrite=False)
    return folder


def record(epoch):
    return EpochRecord(epoch, 1.5, 0.4, 0.5, 0.1, 2.0, 100.0, 0.03)


def test_a_run_is_described_and_read_again(run):
    assert run.read() == run_file()


def test_a_second_run_does_not_overwrite_the_first(run):
    with pytest.raises(
        RunUsageError, match=r"holds a run already; --resume .* --overwrite .* --out"
    ):
        run.claim(run_file(), resume=False, overwrite=False)


def test_another_configuration_is_refused_by_name(run):
    with pytest.raises(RunUsageError, match=r"seed 0 \(now 3\); k 3 \(now 2\)"):
        run.claim(run_file(seed=3, k=2), resume=True, overwrite=False)


def test_another_set_is_refused_by_name(run):
    with pytest.raises(RunUsageError, match=r"another mixing set \(it was ipmix-set\)"):
        run.claim(run_file(digest="e" * 32), resume=True, overwrite=False)


def test_overwriting_removes_what_the_run_wrote_and_nothing_else(run):
    run.append(record(1))
    run.last.write_bytes(b"x")
    (run.path / "notes.txt").write_text("mine")
    run.claim(run_file(seed=3), resume=False, overwrite=True)
    assert sorted(path.name for path in run.path.iterdir()) == ["notes.txt", "run.json"]
    assert run.read().config.seed == 3


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunUsageError, match=r"something else than a run \(thesis\.tex\)"):
        RunFolder(tmp_path).claim(run_file(), resume=False, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "run").write_text("x")
    with pytest.raises(RunError, match="is not a folder"):
        RunFolder(tmp_path / "run").claim(run_file(), resume=False, overwrite=False)


def test_what_is_no_run_says_so(tmp_path):
    with pytest.raises(RunError, match=r"has no run\.json"):
        RunFolder(tmp_path).read()
    with pytest.raises(RunError, match="train-with-set"):
        RunFolder(tmp_path / "nowhere").read()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": 1, "config": {}}'])
def test_a_damaged_description_is_named(run, text):
    run.run_file.write_text(text)
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        run.read()


def test_a_description_of_another_version_is_refused(run):
    run.run_file.write_text('{"version": 7}')
    with pytest.raises(RunError, match="version 7"):
        run.read()


def test_the_log_is_cut_back_to_the_checkpoint(run):
    for epoch in (1, 2, 3):
        run.append(record(epoch))
    with run.log.open("a") as file:
        file.write('{"epoch": 4, "lo')
    run.keep_log_up_to(2)
    assert run.records() == [record(1), record(2)]
    assert run.log.read_text().count("\n") == 2


def test_runs_go_to_folders_of_their_own():
    assert str(default_run_folder(configure())) == "runs/digits-resnet-8-0"
    assert str(default_run_folder(configure(method="vanilla", seed=2))) == (
        "runs/digits-resnet-8-vanilla-2"
    )
    photos = configure(dataset="folder:data/photos/", model="resnet-50")
    assert str(default_run_folder(photos)) == "runs/photos-resnet-50-0"

import pytest

from fractalgen.errors import RunError, RunUsageError
from fractalgen.training.config import configure, default_run_folder
from fractalgen.training.run_folder import EpochRecord, RunFile, RunFolder


def run_file(digest="d" * 32, data="e" * 32, **given):
    return RunFile(configure(**given), "ipmix-set", digest, data, {"fractalgen": "0"})


def claim(folder, run, *, resume=False, overwrite=False):
    folder.check_place(resume=resume, overwrite=overwrite)
    if resume:
        folder.check_same(run)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.claim(run, overwrite=overwrite)


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "one")
    claim(folder, run_file(), resume=False, overwrite=False)
    folder.last.write_bytes(b"weights")
    return folder


def record(epoch):
    return EpochRecord(epoch, 1.5, 0.4, 0.5, 0.1, 2.0, 100.0, 0.03)


def test_a_run_is_described_and_read_again(run):
    assert run.read() == run_file()


def test_a_second_run_does_not_overwrite_the_first(run):
    with pytest.raises(
        RunUsageError, match=r"already holds a run; use --resume .* --overwrite .* --out"
    ):
        claim(run, run_file(), resume=False, overwrite=False)


def test_another_configuration_is_refused_by_name(run):
    with pytest.raises(RunUsageError, match=r"seed 0 \(now 3\); k 3 \(now 2\)"):
        claim(run, run_file(seed=3, k=2), resume=True, overwrite=False)


def test_a_run_of_more_epochs_is_told_how_to_train_on(run):
    with pytest.raises(RunUsageError, match=r"epochs \d+ \(now 500\).* --weights .*one trains on"):
        claim(run, run_file(epochs=500), resume=True, overwrite=False)


def test_another_set_is_refused_by_name(run):
    with pytest.raises(RunUsageError, match=r"another mixing set \(it was ipmix-set\)"):
        claim(run, run_file(digest="e" * 32), resume=True, overwrite=False)


def test_overwriting_removes_what_the_run_wrote_and_nothing_else(run):
    run.append(record(1))
    (run.path / "notes.txt").write_text("mine")
    claim(run, run_file(seed=3), resume=False, overwrite=True)
    assert sorted(path.name for path in run.path.iterdir()) == ["notes.txt", "run.json"]
    assert run.read().config.seed == 3


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunUsageError, match=r"files that are not part of a run \(thesis\.tex\)"):
        claim(RunFolder(tmp_path), run_file(), resume=False, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "run").write_text("x")
    with pytest.raises(RunError, match="is not a folder"):
        claim(RunFolder(tmp_path / "run"), run_file(), resume=False, overwrite=False)


def test_what_is_no_run_says_where_the_runs_are(tmp_path):
    (tmp_path / "comparison/runs/a").mkdir(parents=True)
    (tmp_path / "comparison/runs/a/run.json").touch()
    for name in ("comparison", "comparison/runs"):
        with pytest.raises(RunError, match=r"/comparison/runs, such as .*/comparison/runs/a$"):
            RunFolder(tmp_path / name).read()


def test_what_is_no_run_says_so(tmp_path):
    with pytest.raises(RunError, match=r"not a run: it has no run\.json"):
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


def test_other_data_are_refused(run):
    with pytest.raises(RunUsageError, match="other data"):
        claim(run, run_file(data="f" * 32), resume=True)


def test_what_a_kill_left_is_not_in_the_way(tmp_path):
    (tmp_path / ".fractalgen-run.json.part").write_text("{")
    (tmp_path / ".DS_Store").write_text("x")
    claim(RunFolder(tmp_path), run_file())
    assert sorted(path.name for path in tmp_path.iterdir()) == [".DS_Store", "run.json"]


def test_a_damaged_run_can_be_started_anew(run):
    run.run_file.write_text("{")
    claim(run, run_file(), overwrite=True)
    assert run.read() == run_file()


def test_a_log_that_a_crash_tore_keeps_its_whole_lines(run):
    run.append(record(1))
    with run.log.open("ab") as file:
        file.write(b'\xff\xfe\n{"epoch": 2}\n\x00\x00')
    assert run.records() == [record(1)]


def test_a_run_without_an_epoch_makes_way(run):
    run.last.unlink()
    claim(run, run_file(seed=9))
    assert run.read().config.seed == 9
    claim(run, run_file(seed=8), resume=True)
    assert run.read().config.seed == 8

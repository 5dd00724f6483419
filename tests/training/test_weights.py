import os
import pickle
import urllib.request

import pytest
import torch
from safetensors.torch import save_file

from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.regular_file import file_hash
from fractalgen.training.models import create_model
from fractalgen.training.models.weights import load_weights


@pytest.fixture
def model():
    return create_model("resnet-8", 10, 8)


@pytest.fixture
def weights():
    """Other weights for `model`, as a run might have left them."""
    network = create_model("resnet-8", 10, 8)
    network(torch.randn(4, 3, 8, 8))
    return network.state_dict()


def assert_loaded(model, weights):
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


def refused(model, path, match, error=RunError):
    """Load what is refused; return the message. The network is as it was."""
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(error, match=match) as caught:
        load_weights(model, str(path), "resnet-8")
    assert_loaded(model, before)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "kept_as",
    [
        lambda weights: weights,
        lambda weights: {"state_dict": weights, "epoch": 3},
        lambda weights: {"model": weights, "optimizer": {"lr": 0.1}},
        lambda weights: {f"module.{name}": tensor for name, tensor in weights.items()},
        lambda weights: {
            "state_dict": {f"module._orig_mod.{name}": tensor for name, tensor in weights.items()}
        },
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_pytorch_files_are_read_however_they_are_kept(tmp_path, model, weights, kept_as, zipped):
    path = tmp_path / "weights.pt"
    torch.save(kept_as(weights), path, _use_new_zipfile_serialization=zipped)
    assert load_weights(model, str(path), "resnet-8") == f"sha256:{file_hash(path)}"
    assert_loaded(model, weights)


def test_safetensors_are_read_plain_and_from_a_run(tmp_path, model, weights):
    save_file(weights, tmp_path / "plain.safetensors")
    load_weights(model, str(tmp_path / "plain.safetensors"), "resnet-8")
    assert_loaded(model, weights)

    other = {name: tensor + 1 for name, tensor in weights.items()}
    checkpoint = {f"model.{name}": tensor for name, tensor in other.items()}
    checkpoint |= {f"optimizer.{name}": tensor.clone() for name, tensor in weights.items()}
    save_file(checkpoint, tmp_path / "last.safetensors", metadata={"epoch": "3"})
    digest = load_weights(model, str(tmp_path), "resnet-8")
    assert_loaded(model, other)
    assert digest == load_weights(model, str(tmp_path / "last.safetensors"), "resnet-8")


def test_half_precision_and_files_without_batch_counts_are_taken(tmp_path, model, weights):
    halves = {
        name: tensor.half()
        for name, tensor in weights.items()
        if not name.endswith("num_batches_tracked")
    }
    save_file(halves, tmp_path / "half.safetensors")
    load_weights(model, str(tmp_path / "half.safetensors"), "resnet-8")
    loaded = model.state_dict()
    assert all(torch.equal(loaded[name], halves[name].float()) for name in halves)


def test_another_number_of_classes_is_said(tmp_path, model):
    save_file(create_model("resnet-8", 100, 8).state_dict(), tmp_path / "w.safetensors")
    refused(model, tmp_path / "w.safetensors", "are for 100 classes, and the data has 10;")


def test_tensors_that_do_not_fit_are_named(tmp_path, model, weights):
    path = tmp_path / "weights.safetensors"
    del weights["stem.1.bias"]
    weights["stem.0.weight"] = torch.zeros(16, 3, 7, 7)
    weights["stem.1.weight"] = torch.zeros(16, dtype=torch.int64)
    weights["layer5.weight"] = torch.zeros(3)
    save_file(weights, path)
    message = refused(model, path, "do not fit resnet-8: ")
    assert message.split(": ", 1)[1] == (
        "stem.0.weight is (16, 3, 7, 7) and should be (16, 3, 3, 3);"
        " stem.1.weight is (16,) of int64 and should be (16,);"
        " stem.1.bias (16,) is missing;"
        " layer5.weight (3,) is unknown"
    )


def test_of_many_misfits_the_first_five_are_named(tmp_path, model):
    other = create_model("wrn-16-1", 10, 8).state_dict()
    save_file(other, tmp_path / "wrn.safetensors")
    message = refused(model, tmp_path / "wrn.safetensors", "do not fit resnet-8: stem.0.weight")
    fitting = {name for name, tensor in model.state_dict().items() if name in other}
    names = {*model.state_dict(), *other} - fitting
    n_misfits = sum(not name.endswith("num_batches_tracked") or name in other for name in names)
    assert message.endswith(f"; and {n_misfits - 5} more")
    assert message.count(";") == 5


def test_weights_that_are_not_numbers_are_refused(tmp_path, model, weights):
    weights["fc.bias"][3] = float("nan")
    save_file(weights, tmp_path / "nan.safetensors")
    refused(model, tmp_path / "nan.safetensors", "damaged: fc.bias has values that are not finite")


def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path, model, weights):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "it ran"),)

    torch.save({**weights, "stem.0.weight": Evil()}, tmp_path / "zipped.pt")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Evil()))
    refused(model, tmp_path / "zipped.pt", "could run code and is refused; save only")
    refused(model, tmp_path / "plain.pth", "could run code and is refused; save only")
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("kind", ["safetensors", "zip", "old"])
def test_cut_files_are_refused_wherever_they_are_cut(tmp_path, model, weights, kind):
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pt")
    if kind == "safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    for length in (0, 1, 3, 4, 7, 8, 20, 1000, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(model, path, "truncated|damaged")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
def test_other_files_are_refused(tmp_path, model, name):
    path = tmp_path / name
    for contents in (b"a letter, not weights\n" * 100, b"\xff" * 1000, b"PK\x03\x04" + bytes(500)):
        path.write_bytes(contents)
        refused(model, path, "truncated|damaged")


@pytest.mark.parametrize(
    "contents",
    [
        {},
        [1, 2],
        5,
        {"state_dict": {}},
        {"fc.weight": "text"},
        {3: torch.zeros(2)},
        {"fc.weight": torch.zeros(10, 64).to_sparse()},
        {"fc.bias": torch.zeros(9, device="meta")},
    ],
)
def test_pytorch_files_of_something_else_are_refused(tmp_path, model, contents):
    torch.save(contents, tmp_path / "w.pt")
    refused(model, tmp_path / "w.pt", "holds no weights|something other than weights")


def test_what_is_not_there_is_named_with_the_way_out(tmp_path, model):
    refused(model, tmp_path / "none.pt", r"none.pt does not exist; use a \.safetensors")
    refused(model, tmp_path / "weights.txt", r"weights.txt is not a file of weights; use")
    refused(model, tmp_path, r"has no last.safetensors; use the folder of a run")
    (tmp_path / "folder.pt").mkdir()
    refused(model, tmp_path / "folder.pt", r"has no last.safetensors")
    refused(model, "x" * 300 + ".pt", r"cannot read x+\.pt: File name too long")


def test_published_weights_that_do_not_exist_are_said(model):
    refused(model, "pretrained", "for resnet-8; use --model resnet-50", RunUsageError)


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """PyTorch's own cache of downloads, empty, and no way out."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    # `urlopen` reads the proxies once; tests that follow must not be led to this one.
    monkeypatch.setattr(urllib.request, "_opener", None)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_published_weights_keep_all_but_another_last_layer(no_network):
    with torch.device("meta"):
        names = create_model("resnet-50", 1000, 32).state_dict()
    published = {
        name: torch.full(tensor.shape, 0.5, dtype=torch.float16)
        for name, tensor in names.items()
        if tensor.is_floating_point()
    }
    torch.save(published, no_network / "resnet50-0676ba61.pth")
    name = "torchvision ResNet50_Weights.IMAGENET1K_V1"

    model = create_model("resnet-50", 1000, 32)
    assert load_weights(model, "pretrained", "resnet-50") == name
    assert model.fc.weight.eq(0.5).all()

    model = create_model("resnet-50", 7, 32)
    fresh = model.fc.weight.detach().clone()
    record = load_weights(model, "pretrained", "resnet-50")
    assert record == f"{name}; the last layer is new, for 7 classes"
    assert model.conv1.weight.eq(0.5).all()
    assert torch.equal(model.fc.weight, fresh)


def test_published_weights_out_of_reach_or_damaged_are_said(no_network, capsys):
    with torch.device("meta"):
        model = create_model("resnet-50", 7, 32)
    with pytest.raises(RunError, match=r"cannot download https.*refused.*put the file into .*hub"):
        load_weights(model, "pretrained", "resnet-50")
    assert capsys.readouterr().out == ""
    (no_network / "resnet50-0676ba61.pth").write_bytes(b"half a file")
    with pytest.raises(RunError, match=r"is damaged; remove it from .*checkpoints"):
        load_weights(model, "pretrained", "resnet-50")

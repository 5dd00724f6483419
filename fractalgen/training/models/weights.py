"""Load initial weights: from a file, from a run, or published ones.

Reading a file never runs code in it.
"""

import contextlib
import pickle
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from fractalgen.errors import RunError, RunUsageError
from fractalgen.files.regular_file import file_hash
from fractalgen.training.models import MODELS, ModelEntry

__all__ = ["PRETRAINED", "load_weights", "read_weights"]

PRETRAINED = "pretrained"

_LAST = "last.safetensors"
_MAX_NAMED = 5

# Keys under which files store the weights, and prefixes that wrappers add to their names.
_ENTRIES = ("state_dict", "model", "model_state_dict")
_WRAPPERS = ("module.", "_orig_mod.", "model.")

_WAY_OUT = "use a .safetensors, .pt or .pth file of weights, or a run's folder"


def load_weights(model: Any, source: str, model_name: str) -> str:
    """Replace a network's weights, or raise RunError and leave them unchanged.

    `source` is a ``.safetensors``, ``.pt`` or ``.pth`` file, a run's folder for its last weights,
    or ``pretrained`` for torchvision's ImageNet weights, whose last layer stays random if the
    number of classes differs. Returns a description of the loaded weights: ``sha256:`` and the
    file's digest, or the published name and whether the last layer is new.
    """
    entry = MODELS[model_name]
    if source == PRETRAINED:
        return _load_published(model, entry)
    path = _file_of(source)
    weights = read_weights(path)
    _check(model, weights, str(path), entry)
    record = f"sha256:{file_hash(path)}"
    model.load_state_dict(weights, strict=False)
    return record


def recorded_weights(source: str) -> str | None:
    """Return what `load_weights` returns for a file or a run; None for other sources."""
    try:
        return f"sha256:{file_hash(_file_of(source))}"
    except (RunError, OSError):
        return None


def _file_of(source: str) -> Path:
    path = Path(source)
    try:
        if not path.is_dir():
            return path
        if (path / _LAST).exists():
            return path / _LAST
    except OSError as error:
        raise RunError(f"cannot read {source}: {error.strerror}") from None
    raise RunError(
        f"{source} has no {_LAST}; use the folder of a run that finished an epoch, or a file of"
        " weights"
    )


def _load_published(model: Any, entry: ModelEntry) -> str:
    if entry.published_weights is None:
        known = ", ".join(name for name, other in MODELS.items() if other.published_weights)
        raise RunUsageError(
            f"there are no published weights for {entry.name}; use --model {known}, or"
            " --weights with a file"
        )
    weights = dict(_download(entry))
    current = model.state_dict()
    head = [f"{entry.head}.{part}" for part in ("weight", "bias")]
    record = f"torchvision {entry.published_weights}"
    if any(name in weights and weights[name].shape != current[name].shape for name in head):
        n_classes = len(current[head[0]])
        record += f"; the last layer is new, for {n_classes} classes"
        weights.update({name: current[name] for name in head})
    _check(model, weights, record, entry)
    model.load_state_dict(weights, strict=False)
    return record


def _download(entry: ModelEntry) -> Mapping[str, torch.Tensor]:
    from torchvision.models import get_weight

    published = get_weight(entry.published_weights)
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    try:
        # torch.hub prints downloads on stdout, which is for results.
        with contextlib.redirect_stdout(sys.stderr):
            weights: Mapping[str, torch.Tensor] = published.get_state_dict(
                progress=sys.stderr.isatty(),
                check_hash=True,
                weights_only=True,
                map_location=lambda storage, _: storage,
            )
    except OSError as error:
        raise RunError(
            f"cannot download {published.url} ({getattr(error, 'reason', error)});"
            f" download it elsewhere and put the file into {folder}"
        ) from None
    # For damaged files the reader raises exceptions of many types.
    except Exception:
        raise RunError(
            f"the file downloaded from {published.url} is damaged; remove it from {folder}"
            " if it exists, and try again"
        ) from None
    return weights


def _check(model: Any, weights: Mapping[str, torch.Tensor], source: str, entry: ModelEntry) -> None:
    """Raise RunError unless the weights fit."""
    current = model.state_dict()
    misfits = _misfits(current, weights)
    head = [name for name in misfits if name.startswith(f"{entry.head}.")]
    if head and len(head) == len(misfits) and all(name in weights for name in head):
        found, expected = (tensors[f"{entry.head}.weight"] for tensors in (weights, current))
        if found.ndim == expected.ndim and found.shape[1:] == expected.shape[1:]:
            raise RunError(
                f"the weights of {source} are for {len(found)} classes, and the data has"
                f" {len(expected)}; use weights for the same classes, or leave out --weights"
            )
    if misfits:
        named = "; ".join(list(misfits.values())[:_MAX_NAMED])
        more = len(misfits) - _MAX_NAMED
        rest = f"; and {more} more" if more > 0 else ""
        raise RunError(f"the weights of {source} do not fit {entry.name}: {named}{rest}")
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not tensor.float().isfinite().all():
            raise RunError(
                f"the weights of {source} are damaged: {name} has values that are not finite"
            )


def _misfits(
    current: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]
) -> dict[str, str]:
    """Return a message for each tensor that does not fit, in the network's order."""
    found = {}
    for name, expected in current.items():
        given = weights.get(name)
        if given is None:
            # Old files lack a norm layer's count of batches, which predictions don't need.
            if not name.endswith(".num_batches_tracked"):
                found[name] = f"{name} {_form(expected)} is missing"
        elif (
            given.shape != expected.shape
            or given.is_floating_point() != expected.is_floating_point()
        ):
            found[name] = f"{name} is {_form(given)} and should be {_form(expected)}"
    for name, given in weights.items():
        if name not in current:
            found[name] = f"{name} {_form(given)} is unknown"
    return found


def _form(tensor: torch.Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" of {str(tensor.dtype).rpartition('.')[2]}"
    return f"{tuple(tensor.shape)}{kind}"


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors by name from a ``.safetensors``, ``.pt`` or ``.pth`` file.

    An optimizer's state is skipped, and prefixes from parallel training and compiling are dropped.
    The tensors are in main memory, and can be backed by the file. RunError if the file is missing,
    damaged, of another format, or would run code.
    """
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise RunError(f"{path} is not a file of weights; {_WAY_OUT}")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; {_WAY_OUT}") from None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from None
    if path.suffix == ".safetensors":
        return _unwrapped(_read_safetensors(path), path)
    return _unwrapped(_read_pytorch(path, start), path)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            wanted = [name for name in names if name.startswith("model.")] or names
            return {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise RunError(
            f"{path} is truncated or not a safetensors file ({_first_line(error)});"
            " copy or download it again"
        ) from None


def _read_pytorch(path: Path, start: bytes) -> Any:
    zipped = zipfile.is_zipfile(path)
    if start.startswith(b"PK") and not zipped:
        raise RunError(f"{path} is truncated; copy or download it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Weights saved on another machine's device are read into main memory.
            return torch.load(
                str(path), weights_only=True, mmap=zipped, map_location=lambda storage, _: storage
            )
    except pickle.UnpicklingError:
        raise RunError(
            f"{path} is damaged, or holds more than weights, which could run code and is refused;"
            " save only model.state_dict(), preferably as .safetensors"
        ) from None
    # For damaged files the reader raises exceptions of many types.
    except Exception as error:
        raise RunError(
            f"{path} is truncated or not a PyTorch file ({_first_line(error)});"
            " copy or download it again"
        ) from None


def _unwrapped(contents: Any, path: Path) -> dict[str, torch.Tensor]:
    """Find the network's tensors in the contents of a file."""
    for entry in _ENTRIES:
        if isinstance(contents, Mapping) and isinstance(contents.get(entry), Mapping):
            contents = contents[entry]
            break
    if not isinstance(contents, Mapping) or not contents:
        raise RunError(f"{path} holds no weights; {_WAY_OUT}")
    weights = {}
    for name, tensor in contents.items():
        if not isinstance(name, str) or not _is_plain(tensor):
            raise RunError(
                f"{path} holds something other than weights under '{name}';"
                " save only model.state_dict(), preferably as .safetensors"
            )
        weights[_bare(name)] = tensor
    return weights


def _is_plain(value: Any) -> bool:
    """Whether this is a dense tensor of plain numbers."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and not (value.is_meta or value.is_quantized)
    )


def _bare(name: str) -> str:
    while name.startswith(_WRAPPERS):
        name = name.partition(".")[2]
    return name


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:120]

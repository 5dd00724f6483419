"""Read a network's weights from files that others may have made, without running what is inside."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from fractalgen.errors import RunError

__all__ = ["read_weights"]

# In which a dictionary of weights may lie within a file, or a network within another.
_ENTRIES = ("state_dict", "model", "model_state_dict")
_WRAPPERS = ("module.", "_orig_mod.", "model.")

_WAY_OUT = "give a .safetensors, .pt or .pth file of weights, or a run's folder"


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors by name from a ``.safetensors``, ``.pt`` or ``.pth`` file.

    Of a file that holds an optimizer's state too, only the network's tensors are returned; what
    parallel training and compiling put before their names is dropped.

    Parameters
    ----------
    path : Path
        The file; its name says of which kind it is.

    Returns
    -------
    dict of str to tensor
        In main memory; may be backed by the file.

    Raises
    ------
    RunError
        If the file is missing, damaged, of another kind, or would run code.
    """
    if path.suffix not in (".safetensors", ".pt", ".pth"):
        raise RunError(f"{path} is no file of weights; {_WAY_OUT}")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError:
        raise RunError(f"there is no file {path}; {_WAY_OUT}") from None
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
            f"{path} is cut short or not a safetensors file ({_first_line(error)});"
            " copy or download it again"
        ) from None


def _read_pytorch(path: Path, start: bytes) -> Any:
    zipped = zipfile.is_zipfile(path)
    if start.startswith(b"PK") and not zipped:
        raise RunError(f"{path} is cut short; copy or download it again")
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
            " save its model.state_dict() alone, best as .safetensors"
        ) from None
    # The reader of a damaged file can fail in many ways, by errors of no common kind.
    except Exception as error:
        raise RunError(
            f"{path} is cut short or not a PyTorch file ({_first_line(error)});"
            " copy or download it again"
        ) from None


def _unwrapped(contents: Any, path: Path) -> dict[str, torch.Tensor]:
    """Find the network's tensors in what a file holds."""
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
                " save its model.state_dict() alone, best as .safetensors"
            )
        weights[_bare(name)] = tensor
    return weights


def _is_plain(value: Any) -> bool:
    """Whether this is a tensor with numbers that can be copied one by one."""
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

"""Export a set into the folders or the shards that other programs read."""

from pathlib import Path
from typing import Protocol

from fractalgen.mixing_set.exporting.exported import Exported
from fractalgen.mixing_set.exporting.image_folders import ImageFolders
from fractalgen.mixing_set.exporting.tar_shards import TarShards
from fractalgen.mixing_set.stores.folder_set import FolderSet
from fractalgen.mixing_set.stores.open_set import open_set
from fractalgen.mixing_set.stores.shard_set import ShardSet
from fractalgen.pool import Progress
from fractalgen.registry import Registry

__all__ = ["LAYOUTS", "Layout", "export"]


class Layout(Protocol):
    """How the images of a set are arranged."""

    def export(
        self,
        store: FolderSet | ShardSet,
        out: str | Path,
        *,
        copy: bool,
        shard_size: int | None,
        checking: Progress | None,
        progress: Progress | None,
    ) -> Exported:
        """Write the set; see `export`."""


LAYOUTS: Registry[Layout] = Registry("layout")
LAYOUTS.add(
    "pixmix",
    ImageFolders(
        others="fractals_and_fvis/fractals/images",
        folders=dict.fromkeys(
            ("features", "feature-vis"), "fractals_and_fvis/first_layers_resized256_onevis/images"
        ),
    ),
)
LAYOUTS.add("webdataset", TarShards())


def export(
    folder: str | Path,
    out: str | Path,
    *,
    layout: str = "pixmix",
    copy: bool = False,
    shard_size: int | None = None,
    checking: Progress | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write a set in the layout that other programs read.

    Every file in `out` is whole at any moment, and the same call continues after an interruption.

    Parameters
    ----------
    folder : str or Path
        The set's folder, or the URL of a set in shards. Nothing in it changes.
    out : str or Path
        The folder to write to: a new one, an empty one, or one with an earlier export of the set;
        for shards, also a URL.
    layout : str
        ``"pixmix"``: ``fractals_and_fvis/first_layers_resized256_onevis/images`` holds features,
        and ``fractals_and_fvis/fractals/images`` the other families, as in PixMix's archive.
        ``"webdataset"``: a set in shards, with the collected images of the set in folders.
    copy : bool
        Copy all images. Otherwise they are hard-linked, which takes no space, and copied only
        where the file system has no links or `out` is on another one, or where the set lies in
        shards. Shards are always copies.
    shard_size : int or None
        Number of images per shard; None for that of an earlier export, or 1,000.
    checking, progress : callable or None
        Called with the number of images checked or exported, and the total.

    Returns
    -------
    Exported
        The number of images linked, copied, and already there.

    Raises
    ------
    UnknownNameError
        If the layout is unknown.
    ArgumentError
        If `shard_size` is out of range, or given for a layout without shards.
    SetError
        If `folder` is not a set or is incomplete, or if `out` holds other files.
    OSError
        If a file cannot be read or written.
    """
    return LAYOUTS[layout].export(
        open_set(folder),
        out,
        copy=copy,
        shard_size=shard_size,
        checking=checking,
        progress=progress,
    )

"""Training batches from a folder of JPEG files, beside bare decoding of the same files.

The files are cut from two photographs that scikit-learn brings. Bare decoding reads each file and
decodes it with Pillow, in as many processes as there are workers. The batches are those of
`train-with-set --method vanilla`: random crops of 224 px, from worker processes. The processor time
is that of all processes together. "on a CPU" adds what the training process then does where it
trains on a CPU: the pixels are normalised there, and on a GPU by the GPU.

Run it as ``python -m benchmarks.folders``; the files are in the page cache, and no network trains.
"""

import io
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from benchmarks.vectors import processor
from fractalgen.methods.vanilla import Vanilla
from fractalgen.torch.datasets import normalized
from fractalgen.training.batches import BatchLoader, EpochOrder, TrainingBatches
from fractalgen.training.datasets import load_data

# Width and height, JPEG quality, number of files.
KINDS = ((256, 256, 90, 512), (500, 375, 97, 256), (1500, 1000, 90, 128))
BATCH_SIZE, N_RUNS = 64, 2
_TILE = 500


def rows():
    """Yield a line of the table for each kind of file and number of workers."""
    photos = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    for width, height, quality, n in KINDS:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            size = write_files(folder, photos, width, height, quality, n) / n
            paths = sorted((folder / "train").rglob("*.jpg"))
            for workers in (1, 2):
                found = measured(folder, paths, workers)
                yield f"{width} x {height}, {size / 1000:.0f} kB", workers, *found


def write_files(folder, photos, width, height, quality, n):
    """Write files of two classes, the first two also to test; return the bytes to train on."""
    total = 0
    for index in range(n):
        rng = np.random.default_rng(index)
        data = io.BytesIO()
        mosaic(photos, width, height, rng).save(data, "JPEG", quality=quality)
        total += len(data.getvalue())
        for part in ("train", "val") if index < 2 else ("train",):
            path = folder / part / str(index % 2) / f"{index:05}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.getvalue())
    return total


def mosaic(photos, width, height, rng):
    """Return an image of tiles that are no larger than the photographs, so it is sharp."""
    image = Image.new("RGB", (width, height))
    for left in range(0, width, _TILE):
        for top in range(0, height, _TILE):
            tile = min(width - left, _TILE), min(height - top, _TILE)
            photo = photos[rng.integers(len(photos))]
            scale = rng.uniform(max(tile[0] / photo.width, tile[1] / photo.height, 0.75), 1.25)
            wide, high = min(photo.width, tile[0] / scale), min(photo.height, tile[1] / scale)
            x, y = rng.uniform(0, photo.width - wide), rng.uniform(0, photo.height - high)
            box = (x, y, x + wide, y + high)
            image.paste(photo.resize(tile, Image.Resampling.BICUBIC, box), (left, top))
    return image


def measured(folder, paths, workers):
    """Return wall and processor seconds per image: bare decoding, batches, and on a CPU.

    The three take turns, and the least of each counts.
    """
    data = load_data(f"folder:{folder}", data_dir=folder)
    batches = TrainingBatches(data, Vanilla().views(None, data.mean, data.std), 0)
    order = EpochOrder(len(paths), BATCH_SIZE, 0)
    loader = BatchLoader(batches, order, workers, pinned=False)
    with multiprocessing.get_context("fork").Pool(workers) as pool:

        def bare():
            pool.map(decode, paths, chunksize=len(paths) // workers)
            return len(paths)

        def epoch(received=lambda view: view):
            n = 0
            for (view,), _ in loader:
                n += len(received(view))
            return n

        def on_cpu():
            return epoch(lambda view: normalized(view, data.mean, data.std))

        least = {}
        for run in range(N_RUNS + 1):  # the first starts the processes
            for work in (bare, epoch, on_cpu):
                cpu, wall = processor_seconds(), time.perf_counter()
                n = work()
                took = (time.perf_counter() - wall) / n, (processor_seconds() - cpu) / n
                if run:
                    least[work] = tuple(map(min, least.get(work, took), took))
    return [least[work] for work in (bare, epoch, on_cpu)]


def decode(path):
    with Image.open(path) as image:
        image.load()


def processor_seconds():
    """Return the processor time of this process and its children so far."""
    this = psutil.Process()
    times = [process.cpu_times() for process in (this, *this.children())]
    return sum(one.user + one.system for one in times)


def main() -> None:
    torch.set_num_threads(1)
    print(f"| on {processor()} | workers | | images/s | processor time an image | of bare |")
    print("| --- | ---: | --- | ---: | ---: | ---: |")
    for kind, workers, *found in rows():
        for name, (wall, cpu) in zip(("bare decoding", "batches", "on a CPU"), found, strict=True):
            share = cpu / found[0][1]
            print(
                f"| {kind} | {workers} | {name} | {1 / wall:,.0f} | {1e6 * cpu:,.0f} µs "
                f"| {share:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""``python -m benchmarks.gpu``: how fast a GPU trains, and how many cores make its batches.

Each row trains an epoch as `train-with-set` does, compiled and in bfloat16 where the device has it,
and in turn the same steps on a batch that lies on the device already. The GPU waits for what the
first takes longer. The images are random and in memory, so reading files comes on top. Views a
second a core are those of one worker, with cropping, by processor time; JSD has three views of each
image, one of them clean.
"""

import argparse
import multiprocessing
import time

from benchmarks.timing import paired_seconds
from benchmarks.training import Training
from fractalgen.errors import RunUsageError
from fractalgen.training.hardware import Hardware, accelerator_for

# Network, side of the images, images of a step.
CASES = (("wrn-40-4", 32, 128), ("resnet-50", 224, 128))
METHODS = (
    ("vanilla", "vanilla", False),
    ("IPMix, one view", "ipmix", False),
    ("IPMix, JSD", "ipmix", True),
)
N_RUNS = 3
COLUMNS = (
    "training",
    "images/s",
    "beside vanilla",
    "images/s without waiting",
    "waits for batches",
    "views/s a core",
    "cores to keep up",
)


def views_per_core_second(training: Training, batch_size: int) -> float:
    """Return how many views a worker process, which has one thread, makes in a second of its own.

    They are cropped and mixed; the time is the processor's.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def work() -> None:
        batch = (0, list(range(batch_size)))
        views, _ = training.batches[batch]  # compiles the kernels
        start, n_batches, spent = time.process_time(), 0, 0.0
        while spent < 1.0:
            training.batches[batch]
            n_batches += 1
            spent = time.process_time() - start
        theirs.send(n_batches * batch_size * len(views) / spent)

    worker = context.Process(target=work)
    worker.start()
    theirs.close()
    made: float = ours.recv()  # EOFError if the worker failed
    worker.join()
    return made


def row(
    case: tuple[str, int, int],
    method: tuple[str, str, bool],
    arguments: argparse.Namespace,
    vanilla: float | None,
) -> tuple[float, tuple[str, ...]]:
    """Train with a method; return the images per second, and the cells of the table."""
    (model, size, batch_size), (title, name, jsd) = case, method
    batch_size = arguments.batch_size or batch_size
    training = Training.of(
        model,
        name,
        batch_size,
        arguments.steps,
        size=size,
        jsd=jsd,
        workers=arguments.workers,
        device=arguments.device,
        compiles=not arguments.no_compile,
    )
    made = views_per_core_second(training, batch_size)
    device = training.accelerator.device
    views, labels = training.batches[(0, list(range(batch_size)))]
    on_device = (tuple(view.to(device) for view in views), labels.to(device))
    alone, fed = paired_seconds(
        lambda: training.epoch([on_device] * arguments.steps), training.epoch, N_RUNS
    )
    speed, bound = (batch_size * arguments.steps / seconds for seconds in (fed, alone))
    return speed, (
        f"{model}, {size} x {size}, batches of {batch_size}, {title}",
        f"{speed:,.0f}",
        f"{speed / (vanilla or speed):.2f}x",
        f"{bound:,.0f}",
        f"{max(0.0, 1 - alone / fed):.0%}",
        f"{made:,.0f}",
        f"{bound * len(views) / made:.1f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cpu, for a trial without a GPU")
    parser.add_argument("--workers", type=int, help="that make batches (default: as in training)")
    parser.add_argument("--steps", type=int, default=60, help="of an epoch")
    parser.add_argument("--batch-size", type=int, help="instead of those of the table")
    parser.add_argument("--model", help="instead of wrn-40-4 and resnet-50, at --size pixels")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--no-compile", action="store_true")
    arguments = parser.parse_args()
    try:
        accelerator_for(Hardware(device=arguments.device))
    except RunUsageError as error:
        parser.error(str(error))
    cases = [(arguments.model, arguments.size, 128)] if arguments.model else CASES
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    for case in cases:
        vanilla = None
        for method in METHODS:
            speed, cells = row(case, method, arguments, vanilla)
            vanilla = vanilla or speed
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

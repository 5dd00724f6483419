"""How long a folder of images takes to become a bank, against Pillow alone in the same run.

``python -m benchmarks.bank SET`` measures a set that is there already.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.commands import PART, RUN
from benchmarks.timing import Row, seconds
from fractalgen.bank import MixingSet

SIZE = 36
N_RUNS = 3
N_OPENINGS = 10

# Opens a set in a process of its own, to know its peak alone. ru_maxrss would begin with this
# process's.
PEAK = """
import sys
from pathlib import Path
from fractalgen.bank import MixingSet
MixingSet(sys.argv[1], int(sys.argv[2]), cache_dir=sys.argv[3])
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def pillow_alone(files: list[Path]) -> np.ndarray:
    """Decode and resize one image after the other, as a plain loop does."""
    out = np.empty((len(files), SIZE, SIZE, 3), np.uint8)
    for number, file in enumerate(files):
        with Image.open(file) as image:
            resized = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        out[number] = np.asarray(resized)
    return out


def peak_megabytes(folder: Path, size: int, cache: Path) -> float | None:
    """Return the most memory that building took, where Linux tells."""
    if not sys.platform.startswith("linux"):
        return None
    command = [sys.executable, "-c", PEAK, str(folder), str(size), str(cache)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout) / 1024


def measured(folder: Path) -> list[Row]:
    """Measure a set whose images are square JPEGs."""
    files = sorted(folder.glob("*/*.jpg"))
    plain, built = [], []
    with tempfile.TemporaryDirectory(prefix="fractalgen-benchmark-") as scratch:
        for run in range(N_RUNS):
            cache = Path(scratch, str(run))
            plain.append(seconds(lambda: pillow_alone(files)))
            built.append(seconds(lambda cache=cache: MixingSet(folder, SIZE, cache_dir=cache)))
        opened = [
            seconds(lambda: MixingSet(folder, SIZE, cache_dir=Path(scratch, "0")))
            for _ in range(N_OPENINGS)
        ]
        peak = peak_megabytes(folder, SIZE, Path(scratch, "peak"))
    one, ours = min(plain), min(built)
    memory = f", {peak:.0f} MB at most" if peak else ""
    return [
        Row(
            f"{len(files):,} images into a bank of {SIZE} x {SIZE}, all threads",
            f"{ours:.1f} s, {len(files) / ours:,.0f} images/s{memory}",
            f"Pillow alone in one thread, {one:.1f} s",
            f"{one / ours:.1f}x",
        ),
        Row("opening that bank again", f"{min(opened) * 1e3:.0f} ms"),
    ]


def rows() -> list[Row]:
    """Draw a tenth of the set and measure that."""
    with tempfile.TemporaryDirectory(prefix="fractalgen-benchmark-") as scratch:
        recipe = Path(scratch, "part.toml")
        recipe.write_text(PART)
        out = Path(scratch, "set")
        command = ["build-set", "--recipe", str(recipe), "--quiet", str(out)]
        subprocess.run([*RUN, *command], check=True)
        return measured(out)


if __name__ == "__main__":
    for row in measured(Path(sys.argv[1])) if len(sys.argv) > 1 else rows():
        print(f"| {row.work} | {row.ours} | {row.baseline} | {row.ratio} |")

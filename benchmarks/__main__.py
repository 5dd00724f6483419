"""``python -m benchmarks``: print the table of docs/benchmarks.md."""

import argparse

from benchmarks import (
    augment,
    bank,
    commands,
    escape_time,
    families,
    features,
    ifs,
    image_ops,
    other_papers,
    training,
)
from benchmarks.vectors import processor


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--whole-set", action="store_true", help="draw all 13,000 images too")
    arguments = parser.parse_args()
    # Whole commands first: the peak memory of a child counts what this process had at its start.
    whole_commands = commands.rows(whole=arguments.whole_set)
    table = [
        *escape_time.rows(),
        *ifs.rows(),
        *features.rows(),
        *families.rows(),
        *whole_commands,
        *bank.rows(),
        *augment.rows(),
        *other_papers.rows(),
        *image_ops.rows(),
        *training.rows(),
    ]
    print(f"| work, on {processor()} | time | beside | ratio | vectors |\n|---|---|---|---|---|")
    for row in table:
        bits = f"{row.bits} bits" if row.bits else ""
        print(f"| {row.work} | {row.ours} | {row.baseline} | {row.ratio} | {bits} |")


if __name__ == "__main__":
    main()

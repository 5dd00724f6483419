"""Sharded copies of folder sets."""

import json
import shutil

from fractalgen.bank.shards import Member, write_shard
from fractalgen.files.location import open_location


def members_of(folder):
    """The images of a set, in the order of its manifest."""
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    return [
        Member(name, (folder / name).read_bytes(), line)
        for line in lines
        for name in [json.loads(line)["file"]]
    ]


def in_shards(folder, place, shard_size=4, *, short=()):
    """Write a set's images into shards, the last ones first, so that no order is a sorted one."""
    location = open_location(place)
    if location.folder is not None:
        location.folder.mkdir(parents=True)
        shutil.copy(folder / "set.json", location.folder)
    members = members_of(folder)[::-1]
    for number, start in enumerate(range(0, len(members), shard_size)):
        write_shard(
            location,
            number,
            members[start : start + shard_size],
            is_short=lambda number=number: number in short,
        )
    return place

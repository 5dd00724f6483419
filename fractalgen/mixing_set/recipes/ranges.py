"""Sets of whole numbers as sorted half-open ranges that neither touch nor overlap."""

from collections.abc import Iterable

__all__ = ["is_in", "length", "merge_ranges", "nth", "place_in", "without"]


def merge_ranges(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sort half-open ranges, merge those that touch or overlap, and drop empty ones."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(pair for pair in ranges if pair[0] < pair[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def without(
    ranges: Iterable[tuple[int, int]], others: Iterable[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """Return the numbers of half-open ranges that are not in others, as ranges."""
    left = list(ranges)
    for start, stop in others:
        cut = [((a, min(b, start)), (max(a, stop), b)) for a, b in left]
        left = [pair for pairs in cut for pair in pairs]
    return merge_ranges(left)


def nth(place: int, ranges: Iterable[tuple[int, int]]) -> int:
    """Return the `place`-th of the numbers, counted from 0; IndexError if there are fewer."""
    for start, stop in ranges:
        if place < stop - start:
            return start + place
        place -= stop - start
    raise IndexError(place)


def place_in(number: int, ranges: Iterable[tuple[int, int]]) -> int:
    """Return how many of the numbers are below one."""
    return sum(min(stop, number) - start for start, stop in ranges if start < number)


def length(ranges: Iterable[tuple[int, int]]) -> int:
    """Return how many numbers there are."""
    return sum(stop - start for start, stop in ranges)


def is_in(number: int, ranges: Iterable[tuple[int, int]]) -> bool:
    """Whether a number is among them."""
    return any(start <= number < stop for start, stop in ranges)

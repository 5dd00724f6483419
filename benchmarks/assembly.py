"""Read the x86-64 assembly of compiled kernels: the innermost loops, and what slows them.

`listing` takes a text apart into functions, `inner_loops` finds a function's innermost loops by
following its jumps, and `findings` names what slows a function down:

- a masked store, which is microcode on some processors (Zen 1 to 4: dozens of operations);
- a gather or a scatter, which takes its lanes one after the other almost everywhere;
- a call in an innermost loop. One that calls a function which loops itself is not innermost.

Small loops are unrolled into those around them, so that the first two are looked for everywhere.

The width of a loop is that of the widest vectors that it computes with: scalar code moves its
numbers, and masks and inverts them, in vector registers too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Function", "Loop", "findings", "inner_loops", "listing", "widest_register"]

_WIDTHS = {"x": 128, "y": 256, "z": 512}
_REGISTER = re.compile(r"%([xyz])mm\d+")
_JUMP_TABLE = re.compile(r"\.LJTI\w+")
_BLOCK = re.compile(r"\.LBB\w+")
# Arithmetic on packed numbers, as "addps", "vfmadd213pd", "vpaddd", "vcvttps2dq"; scalar numbers
# end in "ss" and "sd".
_PACKED = re.compile(
    r"v?((add|sub|mul|div|min|max|sqrt|round|rndscale|cmp\w*|f\w+)p[sd]|cvt\w*(p[sd]2|2p[sd])\w*"
    r"|p(add|sub|mul|madd|min|max|avg|abs|sll|srl|sra|cmp|sign)\w*|pmov[sz]x\w+)$"
)
# The C library's copies and fills are loops.
_COPIES = frozenset({"memcpy", "memmove", "memset"})


@dataclass(frozen=True)
class Loop:
    """An innermost loop: its instructions, "name<tab>operands" each, and whom it calls."""

    lines: tuple[str, ...]
    calls: tuple[str, ...]

    @property
    def width(self) -> int:
        """Bits of the widest vectors that it computes with; 0 in a scalar loop."""
        packed = [line for line in self.lines if _PACKED.match(line.partition("\t")[0])]
        return widest_register("\n".join(packed))


@dataclass(frozen=True)
class Function:
    """A function's instructions and labels, and where its jump tables lead."""

    lines: tuple[str, ...]
    tables: dict[str, list[str]]


def widest_register(text: str) -> int:
    """Return the bits of the widest vector register that a text names, or 0."""
    return max((_WIDTHS[kind] for kind in set(_REGISTER.findall(text))), default=0)


def listing(text: str) -> dict[str, Function]:
    """Take a text in AT&T spelling apart into its functions."""
    names = set(re.findall(r"\.type\s+(\S+),@function", text))
    tables: dict[str, list[str]] = {}
    functions: dict[str, list[str]] = {}
    body: list[str] = []
    table: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        label = line.removesuffix(":")
        if label in names:
            body = functions.setdefault(label, [])
        elif line.startswith(".LJTI"):
            table = tables.setdefault(label, [])
        elif line.startswith((".long", ".quad")):
            table += _BLOCK.findall(line)
        elif line.startswith(".LBB") or (line and line[0] not in ".#"):
            body.append(line)
    return {name: Function(tuple(lines), tables) for name, lines in functions.items()}


def inner_loops(functions: dict[str, Function], name: str) -> list[Loop]:
    """Return the innermost loops of one of a text's functions."""
    blocks, followers = _flow(functions[name])
    callees = _callees(functions[name])
    loops = []
    for places in sorted(_innermost(set(range(len(blocks))), followers), key=min):
        numbers = [number for place in sorted(places) for number in blocks[place]]
        calls = tuple(callees[number] for number in numbers if number in callees)
        if not any(_loops(functions, callee) for callee in calls):
            lines = tuple(functions[name].lines[number] for number in numbers)
            loops.append(Loop(lines, calls))
    return loops


def findings(functions: dict[str, Function], name: str) -> Iterator[str]:
    """Yield what slows one of a text's functions down, a few words each."""
    for line in functions[name].lines:
        instruction, _, operands = line.partition("\t")
        to_memory = re.search(r"\)(\s*\{%k\d\})?$", operands)
        if "gather" in instruction or "scatter" in instruction:
            yield instruction
        elif to_memory and ("maskmov" in instruction or to_memory.group(1)):
            yield f"masked store {instruction}"
    for loop in inner_loops(functions, name):
        for callee in loop.calls:
            yield f"call of {callee}"


def _loops(functions: dict[str, Function], name: str) -> bool:
    """Say whether a function has a loop, or calls one that has."""
    if name not in functions:
        return name in _COPIES
    _, followers = _flow(functions[name])
    if _cycles(set(range(len(followers))), followers):
        return True
    return any(_loops(functions, callee) for callee in set(_callees(functions[name]).values()))


def _callees(function: Function) -> dict[int, str]:
    """Return the name that each call calls, by the call's line: names come through registers."""
    held: dict[str, str] = {}
    callees = {}
    for number, line in enumerate(function.lines):
        name, _, operands = line.partition("\t")
        source, _, target = operands.rpartition(", ")
        if name == "movabsq" and source[:1] == "$":
            held[target] = source[1:]
        elif name == "movq" and source in held:
            held[target] = held[source]
        elif name.startswith("call"):
            callees[number] = held.get(operands.removeprefix("*"), operands)
    return callees


def _flow(function: Function) -> tuple[list[list[int]], list[set[int]]]:
    """Cut a function into runs of lines without a jump, and say which may follow which."""
    blocks: list[list[int]] = [[]]
    at: dict[str, int] = {}
    for number, line in enumerate(function.lines):
        if line.endswith(":"):
            if blocks[-1]:
                blocks.append([])
            at[line[:-1]] = len(blocks) - 1
        else:
            blocks[-1].append(number)
            if line.startswith(("j", "ret", "ud2")):
                blocks.append([])
    tables = [
        function.tables.get(name, ())
        for line in function.lines
        for name in _JUMP_TABLE.findall(line)
    ]
    anywhere = {at[label] for table in tables for label in table if label in at}
    followers = []
    for place, block in enumerate(blocks):
        name, _, target = function.lines[block[-1]].partition("\t") if block else ("", "", "")
        after = set() if name in ("jmp", "jmpq", "ud2") or name.startswith("ret") else {place + 1}
        if target in at and name.startswith("j"):
            after.add(at[target])
        elif name.startswith("jmp"):
            after |= anywhere
        followers.append({place for place in after if place < len(blocks)})
    return blocks, followers


def _innermost(places: set[int], followers: list[set[int]]) -> Iterator[set[int]]:
    """Yield the loops that hold no other: what is left of one without its entry has no cycle."""
    for loop in _cycles(places, followers):
        outside = set().union(
            *(followers[place] for place in range(len(followers)) if place not in loop)
        )
        entry = min(loop & outside or loop)
        within = list(_innermost(loop - {entry}, followers))
        yield from within or [loop]


def _cycles(places: set[int], followers: list[set[int]]) -> list[set[int]]:
    """Return the strongly connected parts that hold a cycle (Tarjan 1972, without recursion)."""
    order: dict[int, int] = {}
    lowest: dict[int, int] = {}
    stack: list[int] = []
    found = []
    for root in places:
        path = [] if root in order else [root]
        while path:
            place = path[-1]
            if place not in order:
                order[place] = lowest[place] = len(order)
                stack.append(place)
            ahead = followers[place] & places
            unseen = next((after for after in ahead if after not in order), None)
            if unseen is not None:
                path.append(unseen)
                continue
            path.pop()
            lowest[place] = min(
                [lowest[place], *(lowest[after] for after in ahead if after in lowest)]
            )
            if lowest[place] == order[place]:
                part = set(stack[stack.index(place) :])
                del stack[stack.index(place) :]
                for done in part:
                    del lowest[done]  # no longer in the way of what comes later
                if len(part) > 1 or place in followers[place]:
                    found.append(part)
    return found

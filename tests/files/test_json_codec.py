import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalgen.files.json_codec import from_json, to_json


@dataclass(frozen=True)
class Inner:
    name: str
    share: float | None = None


@dataclass(frozen=True)
class Outer:
    whole: int
    flag: bool
    pair: tuple[int, float]
    some: tuple[Inner, ...]
    by_name: dict[str, tuple[float, ...]]
    anything: Any
    names: list[str] = field(default_factory=list)


numbers = st.floats(allow_nan=False, allow_infinity=False)
inner = st.builds(Inner, st.text(), st.none() | numbers)
outer = st.builds(
    Outer,
    st.integers(-(2**60), 2**60),
    st.booleans(),
    st.tuples(st.integers(), numbers),
    st.lists(inner, max_size=3).map(tuple),
    st.dictionaries(st.text(), st.lists(numbers, max_size=3).map(tuple), max_size=3),
    st.none() | st.text() | st.lists(st.integers(), max_size=2),
    st.lists(st.text(), max_size=3),
)


@given(outer)
def test_a_dataclass_survives_json(one):
    assert from_json(Outer, json.loads(json.dumps(to_json(one)))) == one


SOUND = {
    "whole": 1,
    "flag": True,
    "pair": [1, 2],
    "some": [{"name": "a", "share": 0.5}],
    "by_name": {"a": [1, 2.5]},
    "anything": 3,
    "names": [],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"whole": True}, "Outer.whole: expected a whole number, found True"),
        ({"whole": 1.0}, "Outer.whole: expected a whole number, found 1.0"),
        ({"flag": 1}, "Outer.flag: expected true or false, found 1"),
        ({"pair": [1]}, "Outer.pair: expected 2 values, found 1"),
        ({"pair": [1, 10**40]}, "Outer.pair[1]: 10000"),
        ({"pair": [1, float("nan")]}, "Outer.pair[1]: nan is out of range"),
        ({"some": {}}, "Outer.some: expected a list, found {}"),
        ({"some": [{"share": 0.5}]}, "Outer.some[0]: missing or unknown: name"),
        ({"some": [3]}, "Outer.some[0]: expected an object, found 3"),
        ({"by_name": []}, "Outer.by_name: expected an object, found []"),
        ({"by_name": {"a": ["x"]}}, "Outer.by_name.a[0]: expected a number, found 'x'"),
        ({"more": 1}, "Outer: missing or unknown: more"),
    ],
)
def test_a_wrong_value_is_named(change, message):
    with pytest.raises(ValueError, match="Outer") as caught:
        from_json(Outer, {**SOUND, **change})
    assert str(caught.value).startswith(message)


def test_what_was_written_by_another_release_can_be_read():
    data = {**SOUND, "more": 1}
    del data["names"]
    assert from_json(Outer, data, exact=False).names == []
    del data["whole"]
    with pytest.raises(ValueError, match="missing or unknown: whole"):
        from_json(Outer, data, exact=False)


def test_nothing_else_is_changed():
    one = from_json(Outer, SOUND)
    assert one.pair == (1, 2.0)
    assert dataclasses.asdict(one)["some"] == ({"name": "a", "share": 0.5},)

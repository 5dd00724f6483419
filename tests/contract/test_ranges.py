"""Parameters that anyone may have edited are refused, or draw an image like any other."""

import copy
import hashlib
import json
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fractalgen.families import FAMILIES
from fractalgen.families.base import is_exact
from fractalgen.files.json_codec import from_json, to_json
from fractalgen.seeding import rng_for

OPTIONS = [
    *((family, {}) for family in FAMILIES),
    ("escape-time", {"palette": "random", "supersample": 4}),
    ("ifs", {"palette": "#000000,#ffffff", "objects": 5}),
    ("features", {"palette": "any"}),
    ("features", {"palette": ",".join(f"#{i:06x}" for i in range(256))}),
]
SIZE = 24

ODD_NUMBERS = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 1e-9, 1e9, 1e38, 1e39, 1e308, -1e308])
    | st.sampled_from([5e-324, 2.0**31, 2.0**63, 0.01, 0.1, 8.0, 10.0, 16.0, 100.0, 256.0, 1e6]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-20.0, 20.0),
)
ODD_COUNTS = st.one_of(
    st.sampled_from([0, 1, -1, 2, 255, 256, 257, 1024, 1025, 2**31, 2**63 - 1, 2**63, 10**400]),
    st.integers(-(2**70), 2**70),
    st.integers(0, 2000),
)
ODD_TEXTS = st.sampled_from(["", "#12", "#1a2b3", "red", "#ABCDEF", "#1a2b3c", "none", "rank", "x"])


def drawn(family, options, index):
    made = FAMILIES[family](**options)
    return to_json(made.sample_params(rng_for(5, family, index)))


def places_in(data, within=()):
    """Every place in nested lists and dictionaries, with what is there."""
    yield within, data
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        if isinstance(value, (dict, list, tuple)):
            yield from places_in(value, (*within, key))
        else:
            yield (*within, key), value


def put(data, place, value):
    *within, last = place
    for key in within:
        data = data[key]
    data[last] = value


@st.composite
def edited(draw, params):
    """Change from one to three things."""
    data = json.loads(json.dumps(params))
    for _ in range(draw(st.integers(1, 3))):
        places = [one for one in places_in(data) if one[0]]
        if not places:  # everything has been taken out
            break
        place, value = draw(st.sampled_from(places))
        if isinstance(value, bool):
            new = not value
        elif isinstance(value, float):
            new = draw(ODD_NUMBERS)
        elif isinstance(value, int):
            new = draw(ODD_COUNTS)
        elif isinstance(value, str):
            new = draw(ODD_TEXTS)
        elif isinstance(value, list):
            longer = value * (9 if isinstance(value[:1] and value[0], (dict, list)) else 100)
            new = draw(st.sampled_from([[], value[:1], value[1:], value * 2, longer, None]))
        else:
            new = draw(st.sampled_from([None, value, {}, [], 3]))
        put(data, place, copy.deepcopy(new))
    return data


@pytest.mark.parametrize(("family", "options"), OPTIONS)
def test_whatever_is_drawn_at_random_is_within_the_ranges(family, options):
    kind = FAMILIES[family]().params_type
    for index in range(150):
        data = json.loads(json.dumps(drawn(family, options, index)))
        assert to_json(from_json(kind, data)) == drawn(family, options, index)


@pytest.mark.parametrize("family", [name for name in FAMILIES if is_exact(FAMILIES[name])])
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_edited_parameters_are_refused_or_drawn(family, data):
    index = data.draw(st.integers(0, 7))
    options = data.draw(st.sampled_from([one for name, one in OPTIONS if name == family]))
    made = FAMILIES[family]()
    changed = data.draw(edited(drawn(family, options, index)))
    try:
        params = from_json(made.params_type, changed)
    except ValueError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (made.render(params, SIZE) for _ in range(2))
    assert first.shape == (SIZE, SIZE, 3)
    # Nothing was read that belongs to somebody else.
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


@pytest.mark.parametrize(
    ("family", "place", "value"),
    [
        ("escape-time", ("viewport", "x"), 1e308),
        ("escape-time", ("viewport", "width"), 1e308),
        ("escape-time", ("viewport", "cosine"), 0.5),
        ("escape-time", ("max_iter",), 1_000_000),
        ("escape-time", ("reach",), 1e-300),
        ("escape-time", ("traps", 0, "x"), 1e300),
        ("escape-time", ("traps", 0, "radius"), 1e-300),
        ("escape-time", ("traps", 0, "weight"), 1e200),
        ("escape-time", ("constant",), [1e308, 0.0]),
        ("escape-time", ("coloring", "relief"), 1e300),
        ("escape-time", ("coloring", "light"), [1e308, 1e308]),
        ("escape-time", ("coloring", "base", "smooth"), 1e30),
        ("escape-time", ("coloring", "base_colors"), ["#000000"] * 257),
        ("escape-time", ("coloring", "trap_colors"), ["#00", "#0000000000"]),
        ("ifs", ("fractals", 0, "points"), 1_000_000_000),
        ("ifs", ("fractals", 0, "gain"), 1e-300),
        ("ifs", ("fractals", 0, "maps", 0), [0.1, 0.1, 1e308, 0.1, 0.1, 0.0]),
        ("ifs", ("fractals", 0, "colors"), ["#000000"]),
        ("ifs", ("fractals",), []),
        ("ifs", ("backdrop", "noise"), 1e38),
        ("ifs", ("backdrop", "turns"), 1e38),
        ("ifs", ("backdrop", "center"), [1e38, 0.0]),
        ("ifs", ("backdrop", "direction"), [0.0, 0.0]),
        ("ifs", ("backdrop", "roughness"), 1e38),
        ("ifs", ("backdrop", "colors"), []),
        ("features", ("colors",), ["#000000"] * 1000),
        ("features", ("chart", "bend_cells"), 10**9),
        ("features", ("spread",), [1e38, 1.0, 1.0]),
        ("features", ("noise_seed",), 10**400),
    ],
)
def test_what_is_absurd_is_refused_by_name(family, place, value):
    data = json.loads(json.dumps(drawn(family, {}, 0)))
    put(data, place, value)
    with pytest.raises(ValueError, match=r"must|is not within|out of range"):
        from_json(FAMILIES[family]().params_type, data)

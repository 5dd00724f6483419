import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fractalgen.families import escape_time
from fractalgen.families.base import sample_spec
from fractalgen.families.escape_time import (
    EscapeTime,
    EscapeTimeParams,
    measure_interest,
    orbit_fields,
)
from fractalgen.files.json_codec import from_json, to_json
from fractalgen.kernels.formulas import FORMULAS
from fractalgen.kernels.trap_shapes import SHAPES

N = 240


@pytest.fixture(scope="module")
def many() -> list[EscapeTimeParams]:
    return [sample_spec(EscapeTime(), 0, index).params for index in range(N)]


@pytest.fixture(scope="module")
def images(many):
    return [EscapeTime().render(replace(params, supersample=1), 64) for params in many]


def test_at_least_seven_in_ten_are_of_z2_plus_c(many):
    counts = Counter(params.formula for params in many)
    assert counts["power-2"] >= 0.7 * N
    assert set(counts) == {name for name, formula in FORMULAS.items() if formula.share}


def test_there_are_mandelbrot_and_julia_sets(many):
    julia = sum(params.constant is not None for params in many)
    assert 0.3 * N < julia < 0.8 * N


def test_every_trap_is_used_alone_and_in_pairs(many):
    alone = {p.traps[0].shape for p in many if len(p.traps) == 1}
    paired = {trap.shape for p in many if len(p.traps) == 2 for trap in p.traps}
    assert alone == paired == set(SHAPES)


def test_widths_are_log_uniform(many):
    logs = np.log10([p.viewport.width for p in many if p.constant is None])
    quarters = np.histogram(logs, bins=4, range=(np.log10(3e-5), np.log10(1.5)))[0] / logs.size
    assert (quarters > 0.12).all()
    assert (quarters < 0.4).all()


def test_julia_constants_escape(many):
    for params in many:
        if params.formula == "power-2" and params.constant is not None:
            z, c = 0j, complex(*params.constant)
            for _ in range(3_000):
                z = z * z + c
                if abs(z) > 4:
                    break
            assert abs(z) > 4, params


def test_no_image_is_dull(images):
    seen = [measure_interest(rgb) for rgb in images]
    assert min(s.contrast for s in seen) >= 100
    assert min(s.edged_tiles for s in seen) >= 0.5
    assert max(s.grain for s in seen) <= 0.8


def test_no_two_images_look_alike(images):
    """As 8 x 8 thumbnails, mirrored ones included."""
    small = np.array(
        [np.asarray(Image.fromarray(p).resize((8, 8), Image.Resampling.BOX)) for p in images]
    ).astype(float)
    for variant in (small, small[:, :, ::-1], small[:, ::-1]):
        gap = np.abs(small[:, None] - variant[None]).mean(axis=(2, 3, 4))
        gap[np.tril_indices(len(small))] = np.inf
        assert gap.min() > 8


def test_hues_go_round_the_circle(images):
    hues = np.zeros(12)
    for image in images:
        hsv = np.asarray(Image.fromarray(image).convert("HSV")).astype(float)
        hues += np.histogram(hsv[..., 0], bins=12, range=(0, 256), weights=hsv[..., 1])[0]
    share = hues / hues.sum()
    assert share.max() < 0.2
    assert share.min() > 0.02


def test_a_image_is_the_same_at_another_size(many):
    """Half of a large image's size in boxes is close to the image drawn small."""
    shallow = [p for p in many if p.viewport.width > 0.05][:12]
    for params in shallow:
        small = EscapeTime().render(replace(params, supersample=4), 64).astype(float)
        large = Image.fromarray(EscapeTime().render(params, 256))
        boxed = np.asarray(large.resize((64, 64), Image.Resampling.BOX)).astype(float)
        assert np.abs(small - boxed).mean() < 12


def test_supersampling_averages_finer_samples(many):
    params = many[0]
    fine = orbit_fields(params, 64)
    coarse = EscapeTime(supersample=1).render(replace(params, supersample=1), 32)
    smooth = EscapeTime().render(replace(params, supersample=2), 32)
    assert fine.shape[1:] == (64, 64)
    assert not np.array_equal(coarse, smooth)


@pytest.mark.parametrize("strip_samples", [1, 1000, 5 * 128])
def test_strips_give_the_pixels_of_the_whole(many, monkeypatch, strip_samples):
    params = max(many, key=lambda p: p.coloring.relief)  # relief looks at the row below
    whole = EscapeTime().render(params, 64)
    monkeypatch.setattr(escape_time, "_STRIP_SAMPLES", strip_samples)
    np.testing.assert_array_equal(EscapeTime().render(params, 64), whole)


PEAK = """
import sys
from pathlib import Path
import fractalgen as fg
fg.render(fg.sample("escape-time", seed=0, index=4), size=int(sys.argv[1]))
if sys.platform == "linux":  # whose ru_maxrss is also that of the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")))
else:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is POSIX's to tell")
def test_memory_does_not_grow_with_the_area():
    """8192 pixels a side with 2 x 2 samples: all fields at once would take 6.4 GB."""
    peaks = [
        int(subprocess.check_output([sys.executable, "-c", PEAK, str(size)])) for size in (64, 8192)
    ]
    image = 3 * 8192**2
    assert peaks[1] - peaks[0] < image + (100 << 20)


@pytest.mark.parametrize("supersample", [0, 5])
def test_supersampling_has_a_range(supersample):
    with pytest.raises(ValueError, match="supersample must be a whole number from 1 to 4"):
        EscapeTime(supersample=supersample)


def test_a_palette_decides_the_colours():
    params = sample_spec(EscapeTime(palette="#101010,#f0f0f0,#808080"), 0, 3).params
    rgb = EscapeTime().render(params, 64).astype(int)
    assert np.abs(rgb - rgb.mean(axis=2, keepdims=True)).max() <= 2


@pytest.mark.parametrize(
    "damage",
    [
        {"max_iter": 99_999_999_999},
        {"max_iter": 0},
        {"formula": "power-9"},
        {"supersample": 99},
        {"traps": []},
        {"reach": float("nan")},
    ],
)
def test_damaged_parameters_are_refused(many, damage):
    data = to_json(many[0]) | damage
    with pytest.raises(ValueError, match=r"must|needs|no normaliser|out of range"):
        from_json(EscapeTimeParams, data)


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("viewport", {"width": 0.0}),
        ("viewport", {"x": float("inf")}),
        ("coloring", {"blend": "burn"}),
        ("coloring", {"reach": 0.0}),
    ],
)
def test_damage_within_a_part_is_refused(many, part, damage):
    data = to_json(many[0])
    data[part] |= damage
    with pytest.raises(ValueError, match=r"must|needs|no normaliser|out of range"):
        from_json(EscapeTimeParams, data)

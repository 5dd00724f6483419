import numpy as np
import pytest

from fractalgen.color.spaces import LINEAR_TO_SRGB8, SRGB8_TO_LINEAR
from fractalgen.kernels.affine_systems import COUNT_SHIFT
from fractalgen.kernels.density import FINE_SHIFT, blend, blur, expose, find_visited

F = np.float32


def packed(counts, sums=None):
    counts = np.asarray(counts, dtype=np.uint64).ravel()
    sums = np.zeros_like(counts) if sums is None else np.asarray(sums, dtype=np.uint64).ravel()
    return counts << np.uint64(COUNT_SHIFT) | sums


def unpacked(histogram):
    return histogram >> np.uint64(COUNT_SHIFT), histogram & np.uint64((1 << COUNT_SHIFT) - 1)


def binomial(plane, spacing):
    for axis in range(2):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (spacing, spacing)
        wide = np.moveaxis(np.pad(plane, pad, mode="edge"), axis, 0)
        n = plane.shape[axis]
        total = wide[:n] + 2 * wide[spacing : spacing + n] + wide[2 * spacing :]
        plane = np.moveaxis(total, 0, axis)
    return plane


@pytest.mark.parametrize("spacing", [1, 2, 4])
def test_blur_is_the_binomial_filter(spacing):
    rng = np.random.default_rng(spacing)
    counts = rng.poisson(3, (17, 17))
    sums = counts * rng.integers(0, 256, (17, 17))
    fine = packed(counts, sums)
    blur(fine, 17, spacing, 0)
    np.testing.assert_array_equal(unpacked(fine)[0], binomial(counts, spacing).ravel())
    np.testing.assert_array_equal(unpacked(fine)[1], binomial(sums, spacing).ravel())
    coarse = packed(16 * counts, 16 * sums)
    blur(coarse, 17, spacing, FINE_SHIFT)
    np.testing.assert_array_equal(unpacked(coarse)[0], unpacked(fine)[0])


def visited(histogram):
    pixels = np.empty(histogram.size, np.uint32)
    return pixels[: find_visited(histogram, pixels)]


def test_the_visited_pixels_are_listed_in_order():
    histogram = packed([0, 3, 0, 0, 1, 9, 0])
    assert visited(histogram).tolist() == [1, 4, 5]
    assert visited(packed([0, 0])).tolist() == []
    assert visited(packed([2, 1])).tolist() == [0, 1]


def exposed(counts, shift, gain):
    histogram = packed(counts)
    return expose(histogram, visited(histogram), shift, F(gain))


def level(count):
    octave = int(np.floor(np.log2(count)))
    return 64 * octave + int(64 * (count / 2**octave - 1))


@pytest.mark.parametrize(("shift", "gain"), [(0, 8.0), (0, 150.0), (4, 40.0)])
def test_exposure_is_the_logarithmic_curve_up_to_white(shift, gain):
    counts = np.arange(1, 4001) << shift
    curve = exposed(counts, shift, gain)
    white = 3968 << shift  # the level within which 99.5 % lie
    for count in (1 << shift, 10 << shift, 401 << shift, 2000 << shift):
        exact = 2 ** (level(count) // 64) * (1 + level(count) % 64 / 64)
        v = np.log1p(gain * exact / white) / np.log1p(gain)
        assert curve[level(count), 0] == pytest.approx(v * (2 - v), abs=2e-5)
    assert curve[level(4000 << shift)].tolist() == [1.0, 1.0]
    assert np.all(np.diff(curve, axis=0) >= 0)
    assert curve.min() >= 0
    assert curve[level(1 << shift), 1] == 0.0


def test_exposure_of_an_even_image_keeps_sparse_parts_dim():
    curve = exposed(np.ones(100), 0, 20.0)
    assert 0.2 < curve[level(1), 0] < 0.9
    assert curve[level(4)].tolist() == [1.0, 1.0]


def test_exposure_of_nothing_is_harmless():
    curve = exposed(np.zeros(100), 0, 20.0)
    assert np.isfinite(curve).all()


def laid_over(histogram, curve, ramp, structure, under):
    canvas = np.array(under, dtype=np.uint8)
    tables = SRGB8_TO_LINEAR, LINEAR_TO_SRGB8
    blend(histogram, visited(histogram), curve, ramp, F(structure), *tables, canvas)
    return canvas


def test_blend_mixes_in_linear_light_and_leaves_the_rest_alone():
    ramp = np.linspace(0, 1, 256, dtype=F)[:, None].repeat(3, axis=1)
    curve = np.zeros((2176, 2), dtype=F)
    curve[level(1)] = 0.5, 0.2
    curve[level(2)] = 1.0, 1.0
    counts, sums = (0, 1, 2, 1), (0, 255, 0, 0)
    under = [(10, 20, 30)] * 3 + [(255, 255, 255)]
    by_density = laid_over(packed(counts, sums), curve, ramp, 0.0, under)
    by_tone = laid_over(packed(counts, sums), curve, ramp, 1.0, under)
    assert by_density[0].tolist() == by_tone[0].tolist() == [10, 20, 30]
    assert by_density[2].tolist() == [255, 255, 255]
    assert by_tone[2].tolist() == [0, 0, 0]

    def srgb(linear):
        return round(255 * (1.055 * linear ** (1 / 2.4) - 0.055))

    assert abs(int(by_density[3, 0]) - srgb(0.5 + 0.5 * 0.2)) <= 1
    assert abs(int(by_tone[3, 0]) - srgb(0.5)) <= 1


def test_tones_above_their_count_stay_on_the_ramp():
    ramp = np.zeros((256, 3), dtype=F)
    ramp[-1] = 1.0
    curve = np.ones((2176, 2), dtype=F)
    canvas = laid_over(packed([1], [5000]), curve, ramp, 1.0, [(0, 0, 0)])
    assert canvas.tolist() == [[255, 255, 255]]

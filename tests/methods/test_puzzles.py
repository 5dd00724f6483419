"""Puzzle Mix and Co-Mixup: cuts, assignments and labels against all possible ones."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from fractalgen.methods.comixup import CoMixup, assigned, settled
from fractalgen.methods.method import Batch
from fractalgen.methods.min_cut import min_cut_labels
from fractalgen.methods.puzzlemix import PuzzleMix, mask_of, moves, rearranged


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def cost(labels, costs, right, down):
    own = np.take_along_axis(costs, labels[None], 0).sum()
    across = (right * np.diff(labels, axis=1) ** 2).sum()
    return own + across + (down * np.diff(labels, axis=0) ** 2).sum()


@pytest.mark.parametrize(
    ("n_labels", "height", "width"), [(2, 2, 2), (2, 3, 3), (3, 2, 2), (3, 2, 3), (4, 2, 2)]
)
def test_no_labels_cost_less_than_those_of_a_minimum_cut(rng, n_labels, height, width):
    costs = rng.normal(size=(5, n_labels, height, width))
    right, down = rng.random((5, height, width - 1)), rng.random((5, height - 1, width))
    found = min_cut_labels(costs, right, down)
    for grid in range(5):
        case = costs[grid], right[grid], down[grid]
        least = min(
            cost(np.array(labels).reshape(height, width), *case)
            for labels in itertools.product(range(n_labels), repeat=height * width)
        )
        assert cost(found[grid], *case) == pytest.approx(least, abs=1e-5)


def test_a_mask_shows_each_image_where_it_is_salient():
    mine = np.array([[[0.5, 0.0], [0.5, 0.0]]])
    theirs = mine[..., ::-1]
    grey = np.zeros((1, 3, 2, 2))
    assert mask_of(PuzzleMix(), mine, theirs, grey, grey, 0.5).tolist() == [[[0, 1], [0, 1]]]
    # Borders at any price, a share of almost one, and even saliency: each decides alone.
    even = np.full((1, 2, 2), 0.25)
    one = mask_of(PuzzleMix(smoothness=100.0), mine, theirs, grey, grey, 0.5)
    assert len(np.unique(one)) == 1
    assert np.all(mask_of(PuzzleMix(), even, even, grey, grey, 0.99) == 1)
    assert np.all(mask_of(PuzzleMix(), even, even, grey, grey, 0.01) == 0)
    assert np.all(mask_of(PuzzleMix(), even, even, grey, grey, 0.5) == 0.5)
    assert np.all(mask_of(PuzzleMix(n_labels=2), even, even, grey, grey, 0.6) == 1)


def test_moves_are_the_best_of_all(rng):
    saliency, shown = rng.dirichlet(np.ones(4), 8).reshape(8, 2, 2), rng.integers(0, 2, (8, 2, 2))
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]

    def price(sources, image):
        return sum(
            0.1 * ((np.subtract(places[source], places[end])) ** 2).sum()
            - saliency[image].flat[source] * shown[image].flat[end]
            for end, source in enumerate(sources)
        )

    found = moves(saliency, shown, 0.1)
    assert not np.array_equal(found, np.tile(np.arange(4), (8, 1)))
    for image in range(8):
        least = min(price(sources, image) for sources in itertools.permutations(range(4)))
        assert price(found[image], image) == pytest.approx(least)


def test_the_salient_part_moves_to_where_the_image_shows():
    saliency = np.array([[[1.0, 0.0], [0.0, 0.0]]])
    shown = np.array([[[0, 0], [0, 1]]])
    assert moves(saliency, shown, 0.1)[0, 3] == 0
    assert moves(saliency, shown, 10.0).tolist() == [[0, 1, 2, 3]]


def test_cells_are_rearranged_whole():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    out = rearranged(image, np.array([[3, 1, 2, 0]]))
    assert out[0, 0].tolist() == [
        [10, 11, 2, 3],
        [14, 15, 6, 7],
        [8, 9, 0, 1],
        [12, 13, 4, 5],
    ]


@pytest.mark.parametrize("method", [PuzzleMix(transport=False), PuzzleMix(), CoMixup(group=4)])
@pytest.mark.parametrize("size", [16, 21])
def test_targets_say_what_share_of_the_pixels_shows(method, size):
    n = 6
    labels = torch.arange(n)
    torch.manual_seed(0)
    values = 3 * torch.randn(n, 3, size, size)
    values[:, 0] = (labels + 1.0)[:, None, None]  # says which image shows
    network = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Flatten(), nn.LazyLinear(n)).train()
    network(values)
    mixes = 0
    for seed in range(8):
        out = method.on_device(
            Batch((values,), labels, labels, n), network, np.random.default_rng(seed)
        )
        torch.testing.assert_close(out.targets.sum(1), torch.ones(n))
        torch.testing.assert_close(out.targets @ (labels + 1.0), out.views[0][:, 0].mean((1, 2)))
        mixes += int((out.targets.amax(1) < 0.999).sum())
    assert mixes > 8


def test_no_change_of_one_block_costs_less(rng):
    for _ in range(5):
        costs, border = rng.normal(size=(4, 3, 5)), 0.7
        labels = settled(np.stack([costs, -costs]), border)[0]

        def price(labels, costs=costs, border=border):
            borders = (np.diff(labels, axis=0) != 0).sum() + (np.diff(labels, axis=1) != 0).sum()
            return np.take_along_axis(costs, labels[..., None], 2).sum() + border * borders

        for row, column in np.ndindex(4, 3):
            for label in range(5):
                other = labels.copy()
                other[row, column] = label
                assert price(other) >= price(labels) - 1e-9


def test_no_image_fills_the_outputs():
    saliency = np.full((1, 10, 4, 4), 1 / 16)
    saliency[:, 0] = 1.0  # everyone would show this one
    free = assigned(CoMixup(diversity=0.0), saliency, np.random.default_rng(0))
    assert np.all(free == 0)
    varied = assigned(CoMixup(), saliency, np.random.default_rng(0))
    shown = np.bincount(varied.ravel(), minlength=10)
    assert shown[0] <= 0.83 * 16 + 16  # the threshold, and an output of its own
    assert np.all(shown > 0)


def test_a_distance_needs_parts_that_move():
    with pytest.raises(ValueError, match=r"^distance is for moving the parts, with transport"):
        PuzzleMix(transport=False, distance=0.5)

"""Labels of grids by minimum cuts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

__all__ = ["min_cut_labels"]

_CAPACITY = 1 << 30  # of all edges together, so that int32 suffices


def min_cut_labels(
    costs: NDArray[np.float64], right: NDArray[np.float64], down: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the labels that cost least on each of n grids, shape (n, height, width).

    A grid's labels cost the sum of `costs` over the cells, and of `right` and `down` over the
    neighbours, times the squared difference of their labels. The result is exact but for the
    rounding of the costs to whole numbers, of which each grid has 2^30 / n.

    Source: Ishikawa, "Exact optimization for Markov random fields with convex priors", PAMI 2003:
    a cell has a node for each k, which is on the source's side if the cell's label is above k.

    Parameters
    ----------
    costs : ndarray, shape (n, n_labels, height, width)
        Finite; may be negative.
    right : ndarray, shape (n, height, width - 1)
        Between a cell and the next in its row, 0 or more.
    down : ndarray, shape (n, height - 1, width)
        Between a cell and the next in its column, 0 or more.
    """
    n, n_labels, height, width = costs.shape
    top = n_labels - 1
    # The sum of |[x > k] - [y > l]| over all k and l, and x (x - top) and y (y - top): (x - y)^2.
    borders = np.zeros((n, height, width))
    borders[:, :, :-1] += right
    borders[:, :, 1:] += right
    borders[:, :-1] += down
    borders[:, 1:] += down
    label = np.arange(n_labels)[:, None, None]
    steps = np.diff(costs + borders[:, None] * label * (label - top), axis=1)

    nodes = np.arange(steps.size).reshape(steps.shape)
    source, sink = steps.size, steps.size + 1
    edges = [
        (np.full_like(nodes, source), nodes, np.maximum(-steps, 0)),
        (nodes, np.full_like(nodes, sink), np.maximum(steps, 0)),
    ]
    for k in range(top):
        for other in range(top):
            one, two = nodes[:, k], nodes[:, other]
            edges += [
                (one[:, :, :-1], two[:, :, 1:], right),
                (two[:, :, 1:], one[:, :, :-1], right),
                (one[:, :-1], two[:, 1:], down),
                (two[:, 1:], one[:, :-1], down),
            ]
    total = sum(weights.reshape(n, -1).sum(axis=1) for _, _, weights in edges)
    if top > 1:  # above k + 1 is above k
        never = np.broadcast_to(total[:, None, None, None], steps[:, 1:].shape)
        edges.append((nodes[:, 1:], nodes[:, :-1], never))
        total = total * (1 + steps[0, 1:].size)
    scale = _CAPACITY // n / np.maximum(total, np.finfo(float).tiny)
    rows, columns = (np.concatenate([edge[side].ravel() for edge in edges]) for side in (0, 1))
    scaled = [edge[2] * scale.reshape(n, *[1] * (edge[2].ndim - 1)) for edge in edges]
    capacities = np.concatenate([np.rint(one).ravel() for one in scaled]).astype(np.int32)
    graph = csr_matrix((capacities, (rows, columns)), (sink + 1, sink + 1))
    flow = maximum_flow(graph, source, sink).flow
    above = np.zeros(steps.size, np.int64)
    reached = _reachable(csr_array(graph - flow), source)
    above[reached[reached < source]] = 1
    labels: NDArray[np.int64] = above.reshape(steps.shape).sum(axis=1)
    return labels


def _reachable(residual: Any, source: int) -> Any:
    """Return the nodes that are still reached from the source when the flow is subtracted."""
    residual.eliminate_zeros()
    return breadth_first_order(residual, source, return_predecessors=False)

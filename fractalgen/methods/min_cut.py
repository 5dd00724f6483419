"""Binary labels of grids by minimum cuts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

__all__ = ["min_cut_labels"]

_CAPACITY = 1 << 30  # of all edges together, so that int32 suffices

_Costs = NDArray[np.float64]


def min_cut_labels(zero: _Costs, one: _Costs, right: _Costs, down: _Costs) -> NDArray[np.bool_]:
    """Return the labels, bool (n, height, width), that cost least on each of n grids.

    The cost of a grid's labels is the sum of `zero` over the cells labelled 0, of `one` over those
    labelled 1, and of `right` and `down` over the neighbours whose labels differ. The result is
    exact but for the rounding of the costs to whole numbers, of which each grid has 2^30 / n.

    Source: Greig, Porteous and Seheult, "Exact maximum a posteriori estimation for binary images",
    JRSS B 1989.

    Parameters
    ----------
    zero, one : ndarray, shape (n, height, width)
        Finite; may be negative.
    right : ndarray, shape (n, height, width - 1)
        Between a cell and the next in its row, 0 or more.
    down : ndarray, shape (n, height - 1, width)
        Between a cell and the next in its column, 0 or more.
    """
    n, height, width = zero.shape
    cells = np.arange(zero.size).reshape(zero.shape)
    source, sink = zero.size, zero.size + 1
    least = np.minimum(zero, one)
    ends = [
        (np.full(zero.size, source), cells, zero - least),  # cut if the cell is labelled 0
        (cells, np.full(zero.size, sink), one - least),
        (cells[:, :, :-1], cells[:, :, 1:], right),
        (cells[:, :, 1:], cells[:, :, :-1], right),
        (cells[:, :-1], cells[:, 1:], down),
        (cells[:, 1:], cells[:, :-1], down),
    ]
    total = sum(costs.sum(axis=(1, 2)) for _, _, costs in ends)
    scale = (_CAPACITY // n / np.maximum(total, np.finfo(float).tiny))[:, None, None]
    rows, columns = (np.concatenate([np.ravel(end[side]) for end in ends]) for side in (0, 1))
    capacities = np.concatenate([np.ravel(costs * scale) for _, _, costs in ends])
    graph = csr_matrix((capacities.astype(np.int32), (rows, columns)), (sink + 1, sink + 1))
    flow = maximum_flow(graph, source, sink).flow
    labels = np.zeros(zero.size, bool)
    reached = _reachable(csr_array(graph - flow), source)
    labels[reached[reached < zero.size]] = True
    return labels.reshape(n, height, width)


def _reachable(residual: Any, source: int) -> Any:
    """Return the nodes that are still reached from the source when the flow is subtracted."""
    residual.eliminate_zeros()
    return breadth_first_order(residual, source, return_predecessors=False)

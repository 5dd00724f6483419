"""The learning rate of each step."""

import math

__all__ = ["cosine_rate"]


def cosine_rate(step: int, n_steps: int, first: float, final: float) -> float:
    """Return the learning rate of a step on half a cosine from `first` down to `final`.

    rate = final + (first - final) (1 + cos(pi step / n_steps)) / 2. Source: Loshchilov and Hutter,
    "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017, without the restarts.

    Parameters
    ----------
    step : int
        From 0 to `n_steps` - 1; `n_steps` itself would have the rate `final`.
    n_steps : int
        Of the whole run, 1 or more.
    first, final : float
        Rates.
    """
    return final + (first - final) * (1 + math.cos(math.pi * step / n_steps)) / 2

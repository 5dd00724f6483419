"""Moves images about: matrices of plane transformations, and an image under each of them.

A matrix is (3, 3) and maps an image's points, measured from its centre in pixels, to where they
go.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fractalgen.evaluation.shifts.library import import_opencv

__all__ = ["rotated", "scaled", "shifted", "tilted", "warp"]

_Matrix = NDArray[np.float64]


def shifted(right: float, down: float) -> _Matrix:
    """Move by pixels."""
    return np.array([[1.0, 0.0, right], [0.0, 1.0, down], [0.0, 0.0, 1.0]])


def rotated(degrees: float) -> _Matrix:
    """Turn about the centre, clockwise as it is seen."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def scaled(factor: float) -> _Matrix:
    """Enlarge about the centre."""
    return np.diag([factor, factor, 1.0])


def tilted(degrees: float, size: int) -> _Matrix:
    """Turn about the horizontal and then the vertical axis, seen in perspective.

    The eye is as far from the image's centre as the image's diagonal is long.
    """
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    about_horizontal = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    about_vertical = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    distance = size * np.sqrt(2)
    in_space = about_vertical @ about_horizontal
    # The image's points have z = 0, so that the third column is free for the eye's distance.
    before_eye = np.column_stack([in_space[:, 0], in_space[:, 1], [0, 0, distance]])
    matrix: _Matrix = np.diag([distance, distance, 1.0]) @ before_eye
    return matrix


def warp(image: NDArray[np.uint8], matrices: Sequence[_Matrix]) -> NDArray[np.uint8]:
    """Return an image under each of some transformations.

    Colours between pixels are interpolated bilinearly; beyond its border the image goes on as
    its mirror image.

    Parameters
    ----------
    image : ndarray of uint8, shape (size, size, 3)
    matrices : sequence of n arrays of shape (3, 3)

    Returns
    -------
    ndarray of uint8, shape (n, size, size, 3)
    """
    opencv = import_opencv()
    size = len(image)
    from_corner = shifted((size - 1) / 2, (size - 1) / 2)
    to_corner = shifted(-(size - 1) / 2, -(size - 1) / 2)
    return np.stack(
        [
            opencv.warpPerspective(
                image,
                from_corner @ matrix @ to_corner,
                (size, size),
                flags=opencv.INTER_LINEAR,
                borderMode=opencv.BORDER_REFLECT_101,
            )
            for matrix in matrices
        ]
    )

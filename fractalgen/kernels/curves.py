"""Closed curves, drawn as antialiased lines."""

import numpy as np
from numpy.typing import NDArray

from fractalgen.kernels.elementary import cos_turns, sin_turns
from fractalgen.kernels.jit import inlined, kernel
from fractalgen.kernels.random_bits import uniform_at

__all__ = ["draw_curves", "orbit_points", "polygon_points"]

_TINY = np.float32(1e-12)


@kernel
def _cover_piece(x, y, dx, dy, scale, reach, cover):
    """Raise what of a row's pixels the line from (0, 0) to (dx, dy) covers, all in pixels."""
    zero = np.float32(0.0)
    one = np.float32(1.0)
    for i in range(cover.size):
        across = x + np.float32(np.int32(i))
        t = min(max((across * dx + y * dy) * scale, zero), one)
        off_x = across - t * dx
        off_y = y - t * dy
        near = min(max(reach - np.sqrt(off_x * off_x + off_y * off_y), zero), one)
        cover[i] += max(near - cover[i], zero)


@kernel
def _ink_row(cover, strength, ink, red, green, blue):
    """Blend a line's ink into a row, and clear the coverage for the next line."""
    red_ink, green_ink, blue_ink = ink[0], ink[1], ink[2]
    for i in range(cover.size):
        part = cover[i] * strength
        red[i] += (red_ink - red[i]) * part
        green[i] += (green_ink - green[i]) * part
        blue[i] += (blue_ink - blue[i]) * part
        cover[i] = np.float32(0.0)


@kernel
def draw_curves(
    points: NDArray[np.float32],
    width: float,
    inks: NDArray[np.float32],
    size: int,
    first_row: int,
    canvas: NDArray[np.float32],
) -> None:
    """Draw closed lines through points over rows of an image, the first line first.

    Parameters
    ----------
    points : float32 array, shape (n_lines, n_points, 2)
        x and y in sides of the image.
    width : float32
        Of the lines, in sides of the image. Lines thinner than a pixel are fainter.
    inks : float32 array, shape (n_lines, 3)
        Linear light.
    size : int
        Columns of the image.
    first_row : int
        The image's row that is the first of `canvas`.
    canvas : float32 array, shape (3, rows, size)
        Drawn over.
    """
    side = np.float32(size)
    half = np.float32(0.5)
    zero = np.float32(0.0)
    one = np.float32(1.0)
    reach = max(width * side, one) * half + half
    strength = min(width * side, one)
    n_rows = canvas.shape[1]
    cover = np.zeros((n_rows, size), np.float32)
    first_column = np.full(n_rows, size, np.int64)
    end_column = np.zeros(n_rows, np.int64)
    last = points.shape[1] - 1
    for line in range(points.shape[0]):
        for k in range(points.shape[1]):
            after = k + 1 if k < last else 0
            x0 = points[line, k, 0] * side - half
            y0 = points[line, k, 1] * side - half
            dx = points[line, after, 0] * side - half - x0
            dy = points[line, after, 1] * side - half - y0
            scale = one / max(dx * dx + dy * dy, _TINY)
            y_low = max(min(y0, y0 + dy) - reach, -one)
            y_high = min(max(y0, y0 + dy) + reach, side)
            top = max(np.int64(np.ceil(y_low)) - first_row, 0)
            bottom = min(np.int64(np.floor(y_high)) + 1 - first_row, n_rows)
            for row in range(top, bottom):
                y = np.float32(first_row + row) - y0
                low = zero
                high = one
                if abs(dy) > one:  # what of the line comes near this row
                    a = (y - reach) / dy
                    b = (y + reach) / dy
                    low = max(min(a, b), zero)
                    high = min(max(a, b), one)
                x_low = max(x0 + min(low * dx, high * dx) - reach, -one)
                x_high = min(x0 + max(low * dx, high * dx) + reach, side)
                left = max(np.int64(np.ceil(x_low)), 0)
                right = min(np.int64(np.floor(x_high)) + 1, size)
                if left < right:
                    x = np.float32(left) - x0
                    _cover_piece(x, y, dx, dy, scale, reach, cover[row, left:right])
                    first_column[row] = min(first_column[row], left)
                    end_column[row] = max(end_column[row], right)
        for row in range(n_rows):
            left = first_column[row]
            right = end_column[row]
            if left < right:
                _ink_row(
                    cover[row, left:right],
                    strength,
                    inks[line],
                    canvas[0, row, left:right],
                    canvas[1, row, left:right],
                    canvas[2, row, left:right],
                )
                first_column[row] = size
                end_column[row] = 0


@inlined
def _bell(stream, n):
    """Return a random number with mean 0 and variance 1 from four uniform ones."""
    at = n * np.uint64(4)
    total = uniform_at(stream, at) + uniform_at(stream, at + np.uint64(1))
    total += uniform_at(stream, at + np.uint64(2)) + uniform_at(stream, at + np.uint64(3))
    return (total - np.float32(2.0)) * np.float32(1.7320508)


@kernel
def polygon_points(
    stream: int,
    radii: NDArray[np.float32],
    turns: NDArray[np.float32],
    shared: float,
    own: float,
    points: NDArray[np.float32],
) -> None:
    """Fill polygons around the origin whose corners move in and out at random.

    Parameters
    ----------
    stream : uint64
        The random stream.
    radii : float32 array, shape (n_lines,)
        The radius of each polygon.
    turns : float32 array, shape (n_lines,)
        The angle of each polygon's first corner, in turns.
    shared, own : float32
        How far a corner moves, as a share of its radius: by a number that all polygons share, and
        by one of its own; both have a standard deviation of about 1.
    points : float32 array, shape (n_lines, n_corners, 2)
        Written.
    """
    at = np.uint64(stream)
    n = points.shape[1]
    for corner in range(n):
        share = np.float32(corner) / np.float32(n)
        common = _bell(at, np.uint64(corner))
        for line in range(points.shape[0]):
            number = np.uint64((line + 1) * n + corner)
            radius = radii[line] * (np.float32(1.0) + shared * common + own * _bell(at, number))
            points[line, corner, 0] = radius * cos_turns(share + turns[line])
            points[line, corner, 1] = radius * sin_turns(share + turns[line])


@kernel
def orbit_points(
    radii: NDArray[np.float32],
    turn: float,
    waves: NDArray[np.float32],
    phases: NDArray[np.float32],
    points: NDArray[np.float32],
) -> None:
    """Fill circles around the origin with sine waves along them.

    Parameters
    ----------
    radii : float32 array, shape (n_lines,)
        The radius of each circle.
    turn : float32
        The angle of each circle's first point, in turns.
    waves : float32 array, shape (n_waves, 2)
        Whole numbers of waves around the circle, and their amplitude.
    phases : float32 array, shape (n_lines, n_waves)
        Of each wave on each line, in turns.
    points : float32 array, shape (n_lines, n_points, 2)
        Written.
    """
    n = points.shape[1]
    for line in range(points.shape[0]):
        for k in range(n):
            share = np.float32(k) / np.float32(n)
            radius = radii[line]
            for wave in range(waves.shape[0]):
                radius += waves[wave, 1] * sin_turns(waves[wave, 0] * share + phases[line, wave])
            points[line, k, 0] = radius * cos_turns(share + turn)
            points[line, k, 1] = radius * sin_turns(share + turn)

"""Shapes as signed distances: negative inside, positive outside, for a whole batch of pictures at once.

Met in week 2, behind the drawn images. `u` and `v` are the coordinates of every pixel in a figure's own frame, float32
(m, 32, 32): u to the right, v downwards, the figure within -1 … 1. Only + − × ÷ √ min max are used: these are exact to
the last bit on every platform, unlike sin or exp, so the pictures are the same everywhere.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

Array = np.ndarray


def circle(u: Array, v: Array, x: float, y: float, radius: float) -> Array:
    """A disc around (x, y)."""
    du, dv = u - np.float32(x), v - np.float32(y)
    du *= du
    dv *= dv
    du += dv
    np.sqrt(du, out=du)
    du -= np.float32(radius)
    return du


def ellipse(u: Array, v: Array, x: float, y: float, a: float, b: float) -> Array:
    """An ellipse around (x, y) with half-axes a and b; the distance is exact on its edge only."""
    du, dv = (u - np.float32(x)) * np.float32(1 / a), (v - np.float32(y)) * np.float32(1 / b)
    du *= du
    dv *= dv
    du += dv
    np.sqrt(du, out=du)
    du -= np.float32(1)
    du *= np.float32(min(a, b))
    return du


def box(u: Array, v: Array, x: float, y: float, half_width: float, half_height: float) -> Array:
    """A rectangle around (x, y)."""
    du, dv = np.abs(u - np.float32(x)), np.abs(v - np.float32(y))
    du -= np.float32(half_width)
    dv -= np.float32(half_height)
    return np.maximum(du, dv, out=du)


def polygon(u: Array, v: Array, *corners: tuple[float, float]) -> Array:
    """A convex polygon, its corners in clockwise order as seen on the screen."""
    distance: Array | None = None
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0])):
        length = sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2)
        nx, ny = (y1 - y0) / length, -(x1 - x0) / length  # outwards
        edge = u * np.float32(nx)
        edge += v * np.float32(ny)
        edge -= np.float32(x0 * nx + y0 * ny)
        distance = edge if distance is None else np.maximum(distance, edge, out=distance)
    assert distance is not None
    return distance


def spokes(u: Array, v: Array, half_width: float, length: float) -> Array:
    """Four bars through the centre, 45° apart: eight rays."""
    half = np.float32(sqrt(0.5))
    diagonal, other = (u + v) * half, (u - v) * half
    distance = box(u, v, 0, 0, length, half_width)
    for bar in (box(u, v, 0, 0, half_width, length), box(diagonal, other, 0, 0, length, half_width),
                box(diagonal, other, 0, 0, half_width, length)):  # fmt: skip
        np.minimum(distance, bar, out=distance)
    return distance


# (cos, sin) of the directions in which a five-pointed star has its inner lines: straight down, then every 72°
_C1, _C2 = (sqrt(5) - 1) / 4, (sqrt(5) + 1) / 4  # cos 72°, cos 36°
_S1, _S2 = sqrt(1 - _C1**2), sqrt(1 - _C2**2)
_PENTAGRAM = ((0.0, 1.0), (_S1, _C1), (_S2, -_C2), (-_S2, -_C2), (-_S1, _C1))


def star(u: Array, v: Array, radius: float) -> Array:
    """A five-pointed star with its tip up: inside is what lies beyond at most one of the five lines of a pentagram."""
    first = second = None
    for nx, ny in _PENTAGRAM:
        edge = u * np.float32(nx)
        edge += v * np.float32(ny)
        edge -= np.float32(radius * _C1)
        if first is None:
            first, second = edge, np.full_like(edge, -9)
        else:
            np.maximum(second, np.minimum(first, edge), out=second)
            np.maximum(first, edge, out=first)
    return second

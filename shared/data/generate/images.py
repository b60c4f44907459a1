"""Drawn 32 × 32 colour images in ten classes: week 2's stand-in for CIFAR-10.

    images, labels, class_names = drawn_images(6_000)
    images.shape, class_names[int(labels[0])]        # (6000, 3, 32, 32), "…"

A figure (see `figures`) varies in place, size, turn, proportions and colours; the background has a slope, stripes and
stray shapes, something may hide a part of it, light and noise differ. A linear model must fail, a small convolutional
network must not. Only exact arithmetic is used, so the same seed gives the same bytes on every platform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shared.data.generate.figures import FIGURES, HALF, ONE, Easel, rgb
from shared.data.generate.shapes import Array, box, circle

if TYPE_CHECKING:
    import torch

SIZE = 32  # pixels
CLASS_NAMES = tuple(name for name, _ in FIGURES)
_BATCH = 50  # pictures painted at once: their layers stay in the processor's cache
_COLUMN = np.arange(SIZE, dtype=np.float32) - np.float32((SIZE - 1) / 2)
_NOISES = 256  # noise is drawn once and shifted, since drawing it anew is slow


def drawn_images(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, tuple[str, ...]]:
    """n drawn images: uint8 (n, 3, 32, 32), their classes: int64 (n,), and the ten class names.

    Classes are as even as n allows, in random order. Another seed gives other pictures, fit for a test set.
    Raises ValueError if n is less than 1.
    """
    import torch

    if n < 1:
        raise ValueError(f"n must be at least 1, it was {n}")
    generator = np.random.Generator(np.random.PCG64(seed))
    labels = (np.arange(n) % len(FIGURES))[np.argsort(generator.random(n), kind="stable")]
    noise = generator.random((2, _NOISES, SIZE, SIZE), dtype=np.float32)
    noise = noise[0] + noise[1] - ONE  # a triangle around 0: near enough to a bell
    images = np.empty((n, 3, SIZE, SIZE), dtype=np.uint8)
    for label, (_, figure) in enumerate(FIGURES):
        rows = np.flatnonzero(labels == label)
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            images[some] = _paint(figure, len(some), generator, noise)
    return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), CLASS_NAMES


def _paint(figure, m: int, generator: np.random.Generator, noise: Array) -> Array:
    """m pictures of one figure, uint8 (m, 3, 32, 32)."""

    def random(*shape: int) -> Array:
        return generator.random(shape, dtype=np.float32)

    def between(low: float, high: float) -> Array:
        return np.float32(low) + random(m)[:, None, None] * np.float32(high - low)

    x, y = (
        np.broadcast_to(_COLUMN, (m, SIZE, SIZE)),
        np.broadcast_to(_COLUMN[:, None], (m, SIZE, SIZE)),
    )
    canvas = _background(random, m, x, y)
    # One pixel of a 4 × 4 grid each, added one by one: a library's mean may add in any order.
    few = canvas[:, :, 4::8, 4::8].reshape(3, m, 16)
    brightness = sum(few[channel, :, k] for channel in range(3) for k in range(16)) * np.float32(
        1 / 48
    )
    easel = Easel(canvas, x, y, np.ones((m, 1, 1), dtype=np.float32), random, brightness)
    for _ in range(2):
        _stray(easel, between, size=(2, 6))
    # cos and sin from the tangent of half the angle: exact, where cos() need not be. ±0.25 is ±28°.
    t = between(-0.25, 0.25)
    cos, sin = (ONE - t * t) / (ONE + t * t), np.float32(2) * t / (ONE + t * t)
    side = np.where(between(0, 1) < HALF, ONE, -ONE)
    dx, dy, scale, stretch = (
        x - between(-4, 4),
        y - between(-4, 4),
        between(9, 14),
        between(0.82, 1.2),
    )
    easel.u, easel.v = (
        (cos * dx + sin * dy) * side / (scale * stretch),
        (cos * dy - sin * dx) * stretch / scale,
    )
    easel.pixels = scale
    figure(easel)
    easel.u, easel.v, easel.pixels = x, y, np.ones((m, 1, 1), dtype=np.float32)
    _stray(easel, between, size=(2.5, 5), where=easel.chance(0.4))
    return _develop(canvas, random, m, noise)


def _background(random, m: int, x: Array, y: Array) -> Array:
    """A slope between two colours in any direction, and faint stripes: float32 (3, m, 32, 32)."""
    first, second = (
        rgb(random(m), random(m) * np.float32(0.7), np.float32(0.15) + random(m) * np.float32(0.8))
        for _ in range(2)
    )
    ax, ay = (random(m)[:, None, None] - HALF for _ in range(2))
    slope = np.clip((ax * x + ay * y) * np.float32(0.07) + HALF, 0, 1)
    period = np.float32(3) + random(m)[:, None, None] * np.float32(6)
    wave = np.mod(ay * x - ax * y, period) / period
    stripes = (np.abs(wave - HALF) - np.float32(0.25)) * (
        random(m)[:, None, None] * np.float32(0.5)
    )
    first, second = first.T[:, :, None, None], second.T[:, :, None, None]
    return np.ascontiguousarray(first + slope * (second - first) + stripes)


def _stray(easel: Easel, between, size: tuple[float, float], where: Array | None = None) -> None:
    """A disc or a box of any colour somewhere."""
    m = len(easel.background)
    x, y, radius = between(-15, 15), between(-15, 15), between(*size)
    u, v = (easel.u - x) / radius, (easel.v - y) / radius
    round_ = easel.chance(0.5)[:, None, None]
    distance = circle(u, v, 0, 0, 1) * round_ + box(u, v, 0, 0, 1.2, 0.6) * (ONE - round_)
    colour = rgb(
        easel.random(m), easel.random(m), np.float32(0.2) + easel.random(m) * np.float32(0.8)
    )
    easel.paint(distance * radius, colour, where)


def _develop(canvas: Array, random, m: int, noise: Array) -> Array:
    """Light, contrast and noise, then bytes: uint8 (m, 3, 32, 32)."""
    contrast = np.float32(0.55) + random(m)[:, None, None] * np.float32(0.5)
    light = HALF + (random(m)[:, None, None] - HALF) * np.float32(0.35)
    amount = np.float32(0.04) + random(m)[:, None, None] * np.float32(0.16)
    pictures = np.empty((m, 3, SIZE, SIZE), dtype=np.uint8)
    for channel, layer in enumerate(canvas):
        layer -= HALF
        layer *= contrast
        layer += light
        layer += noise[(random(m) * _NOISES).astype(np.int64)] * amount
        layer *= np.float32(255)
        layer += HALF
        np.clip(layer, 0, 255, out=layer)
        pictures[:, channel] = layer  # cut off after the half was added: rounded
    return pictures

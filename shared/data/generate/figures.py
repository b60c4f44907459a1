"""The ten figures of the drawn images: sun, house, tree, fish, boat, star, flower, car, face, mushroom.

Met in week 2. Each function paints one figure onto a batch of pictures: it asks its `Easel` for colours, and lays
shapes (see `shapes`) on top of each other, the last one in front.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from shared.data.generate.shapes import Array, box, circle, ellipse, polygon, spokes, star

ONE, HALF = np.float32(1), np.float32(0.5)


class Easel:
    """A batch of pictures that are being painted.

    canvas: float32 (3, m, 32, 32) in 0 … 1; u, v: pixel coordinates in the figure's frame, (m, 32, 32);
    pixels: how many pixels are one unit of u, (m, 1, 1); background: mean brightness behind the figure, (m,).
    """

    def __init__(
        self, canvas: Array, u: Array, v: Array, pixels: Array, random: Callable, background: Array
    ) -> None:
        self.canvas, self.u, self.v, self.pixels = canvas, u, v, pixels
        self.random, self.background = random, background

    def paint(self, distance: Array, colour: Array, where: Array | None = None) -> None:
        """Lay a shape of one colour (m, 3) on the canvas, its edge one pixel soft; only on pictures in `where`."""
        alpha = distance * -self.pixels
        alpha += HALF
        np.clip(alpha, 0, 1, out=alpha)
        if where is not None:
            alpha *= where[:, None, None]
        for channel, layer in enumerate(self.canvas):
            change = colour[:, channel, None, None] - layer
            change *= alpha
            layer += change

    def colour(
        self,
        *hues: float,
        saturation: tuple[float, float] = (0.5, 0.95),
        value: tuple[float, float] = (0.55, 1.0),
    ) -> Array:
        """One of the hues for each picture (0 red, 1/3 green, 2/3 blue), wavering, and apart from the background."""
        m = len(self.background)
        chosen = np.array(hues, dtype=np.float32)[(self.random(m) * len(hues)).astype(np.int64)]
        hue = chosen + (self.random(m) - HALF) * np.float32(0.08)
        low, high = np.float32(saturation[0]), np.float32(saturation[1])
        strength = low + self.random(m) * (high - low)
        low, high = np.float32(value[0]), np.float32(value[1])
        return self._apart(rgb(hue, strength, low + self.random(m) * (high - low)))

    def _apart(self, colour: Array) -> Array:
        """Darker or lighter where the colour would be lost in the background."""
        red, green, blue = colour.T
        near = np.abs((red + green + blue) * np.float32(1 / 3) - self.background) < np.float32(0.12)
        bright = self.background > HALF
        shade = np.where(near & bright, np.float32(0.7), ONE)[:, None]
        tint = np.where(near & ~bright, np.float32(0.7), ONE)[:, None]
        return ONE - (ONE - colour * shade) * tint

    def gray(self, low: float, high: float) -> Array:
        """A gray for each picture."""
        level = np.float32(low) + self.random(len(self.background)) * np.float32(high - low)
        return np.repeat(level[:, None], 3, axis=1)

    def chance(self, probability: float) -> Array:
        """1 or 0 for each picture."""
        return (self.random(len(self.background)) < probability).astype(np.float32)


def rgb(hue: Array, saturation: Array, value: Array) -> Array:
    """Colours (m, 3) from hue (any number, 1 is once around), saturation and value in 0 … 1, each (m,)."""
    channels = []
    for shift in (5, 3, 1):
        k = np.mod(np.float32(shift) + hue * np.float32(6), np.float32(6))
        part = np.clip(np.minimum(k, np.float32(4) - k), 0, 1)
        channels.append(value - value * saturation * part)
    return np.stack(channels, axis=1)


RED, ORANGE, YELLOW, GREEN, CYAN, BLUE, VIOLET, PINK = 0.0, 0.07, 0.14, 0.33, 0.5, 0.62, 0.78, 0.92


def sun(e: Easel) -> None:
    colour = e.colour(YELLOW, ORANGE, YELLOW, RED, value=(0.8, 1))
    rays = np.maximum(spokes(e.u, e.v, 0.075, 0.98), -circle(e.u, e.v, 0, 0, 0.62))
    e.paint(np.minimum(rays, circle(e.u, e.v, 0, 0, 0.5)), colour)


def house(e: Easel) -> None:
    roof = e.colour(RED, ORANGE, BLUE, GREEN, VIOLET, value=(0.3, 0.8))
    e.paint(
        box(e.u, e.v, 0, 0.35, 0.62, 0.5),
        e.colour(ORANGE, YELLOW, PINK, CYAN, saturation=(0.05, 0.6)),
    )
    e.paint(polygon(e.u, e.v, (0, -0.85), (0.85, -0.1), (-0.85, -0.1)), roof)
    dark = e.gray(0.05, 0.3)
    e.paint(box(e.u, e.v, -0.25, 0.55, 0.14, 0.3), dark)
    e.paint(
        box(e.u, e.v, 0.28, 0.3, 0.16, 0.16), e.colour(YELLOW, CYAN, BLUE, saturation=(0.1, 0.7))
    )


def tree(e: Easel) -> None:
    e.paint(
        box(e.u, e.v, 0, 0.55, 0.13, 0.42),
        e.colour(ORANGE, saturation=(0.5, 0.8), value=(0.25, 0.55)),
    )
    leaves = e.colour(GREEN, GREEN, 0.25, ORANGE, YELLOW, value=(0.35, 0.9))
    conifer = e.chance(0.5)[:, None, None]
    fir = np.minimum(
        polygon(e.u, e.v, (0, -0.95), (0.48, -0.2), (-0.48, -0.2)),
        polygon(e.u, e.v, (0, -0.5), (0.68, 0.4), (-0.68, 0.4)),
    )
    crown = np.minimum(circle(e.u, e.v, -0.33, -0.1, 0.42), circle(e.u, e.v, 0.33, -0.1, 0.42))
    crown = np.minimum(crown, circle(e.u, e.v, 0, -0.48, 0.45))
    e.paint(fir * conifer + crown * (ONE - conifer), leaves)


def fish(e: Easel) -> None:
    body = ellipse(e.u, e.v, -0.15, 0, 0.72, 0.42)
    tail = polygon(e.u, e.v, (0.42, 0), (0.95, -0.45), (0.95, 0.45))
    colour = e.colour(ORANGE, BLUE, RED, CYAN, YELLOW, VIOLET)
    e.paint(np.minimum(body, tail), colour)
    stripe = np.maximum(body, np.abs(e.u - np.float32(0.1)) - np.float32(0.09))
    e.paint(stripe, e.colour(YELLOW, BLUE, PINK, saturation=(0, 0.6)), e.chance(0.5))
    e.paint(circle(e.u, e.v, -0.52, -0.1, 0.13), e.gray(0.9, 1))
    e.paint(circle(e.u, e.v, -0.54, -0.1, 0.07), e.gray(0, 0.1))


def boat(e: Easel) -> None:
    e.paint(box(e.u, e.v, -0.02, -0.15, 0.055, 0.6), e.gray(0.1, 0.4))
    sail = polygon(e.u, e.v, (0.08, -0.88), (0.75, 0.2), (0.08, 0.2))
    jib = polygon(e.u, e.v, (-0.12, -0.6), (-0.12, 0.2), (-0.6, 0.2))
    e.paint(
        np.minimum(sail, jib),
        e.colour(RED, YELLOW, BLUE, GREEN, saturation=(0, 0.5), value=(0.7, 1)),
    )
    hull = polygon(e.u, e.v, (-0.92, 0.32), (0.92, 0.32), (0.55, 0.8), (-0.55, 0.8))
    e.paint(hull, e.colour(RED, ORANGE, BLUE, VIOLET, GREEN, value=(0.3, 0.9)))


def five_star(e: Easel) -> None:
    e.paint(star(e.u, e.v, 1.0), e.colour(YELLOW, ORANGE, RED, CYAN, PINK, value=(0.75, 1)))


def flower(e: Easel) -> None:
    green = e.colour(GREEN, 0.28, value=(0.3, 0.7))
    e.paint(box(e.u, e.v, 0, 0.5, 0.06, 0.48), green)
    e.paint(ellipse(e.u, e.v, 0.26, 0.62, 0.26, 0.11), green)
    petals = circle(e.u, e.v, 0, -0.76, 0.23)
    for x, y in ((0.4, -0.47), (0.25, 0.0), (-0.25, 0.0), (-0.4, -0.47)):
        np.minimum(petals, circle(e.u, e.v, x, y, 0.24), out=petals)
    e.paint(
        petals, e.colour(PINK, RED, VIOLET, BLUE, YELLOW, saturation=(0.2, 0.95), value=(0.75, 1))
    )
    e.paint(circle(e.u, e.v, 0, -0.35, 0.2), e.colour(YELLOW, ORANGE, value=(0.5, 1)))


def car(e: Easel) -> None:
    cabin = polygon(e.u, e.v, (-0.38, -0.48), (0.3, -0.48), (0.62, 0.02), (-0.6, 0.02))
    colour = e.colour(RED, BLUE, GREEN, YELLOW, VIOLET, CYAN, saturation=(0.3, 0.95))
    e.paint(np.minimum(cabin, box(e.u, e.v, 0, 0.2, 0.95, 0.22)), colour)
    glass = e.colour(CYAN, BLUE, saturation=(0, 0.3), value=(0.6, 1))
    e.paint(
        polygon(e.u, e.v, (-0.32, -0.38), (-0.06, -0.38), (-0.06, -0.04), (-0.46, -0.04)), glass
    )
    e.paint(polygon(e.u, e.v, (0.06, -0.38), (0.26, -0.38), (0.47, -0.04), (0.06, -0.04)), glass)
    wheels = np.minimum(circle(e.u, e.v, -0.52, 0.45, 0.24), circle(e.u, e.v, 0.52, 0.45, 0.24))
    e.paint(wheels, e.gray(0, 0.2))
    e.paint(wheels + np.float32(0.14), e.gray(0.5, 0.9))


def face(e: Easel) -> None:
    skin = e.colour(ORANGE, YELLOW, 0.05, GREEN, PINK, saturation=(0.25, 0.8), value=(0.5, 1))
    e.paint(ellipse(e.u, e.v, 0, 0, 0.8, 0.88), skin)
    dark = e.gray(0, 0.15)
    eyes = np.minimum(circle(e.u, e.v, -0.3, -0.22, 0.13), circle(e.u, e.v, 0.3, -0.22, 0.13))
    smile = np.abs(circle(e.u, e.v, 0, 0.02, 0.46)) - np.float32(0.075)
    smile = np.maximum(smile, np.float32(0.2) - e.v)
    e.paint(np.minimum(eyes, smile), dark)


def mushroom(e: Easel) -> None:
    e.paint(
        box(e.u, e.v, 0, 0.45, 0.2, 0.48),
        e.colour(YELLOW, ORANGE, saturation=(0.05, 0.35), value=(0.7, 1)),
    )
    cap = np.maximum(ellipse(e.u, e.v, 0, 0.08, 0.88, 0.95), e.v - np.float32(0.1))
    e.paint(cap, e.colour(RED, ORANGE, VIOLET, BLUE, RED, value=(0.4, 0.95)))
    spots = np.minimum(circle(e.u, e.v, -0.42, -0.2, 0.14), circle(e.u, e.v, 0.08, -0.5, 0.16))
    np.minimum(spots, circle(e.u, e.v, 0.42, -0.12, 0.13), out=spots)
    e.paint(spots, e.gray(0.85, 1), e.chance(0.85))


# The order of the classes: a label is a place in this tuple.
FIGURES: tuple[tuple[str, Callable[[Easel], None]], ...] = (
    ("sun", sun),
    ("house", house),
    ("tree", tree),
    ("fish", fish),
    ("boat", boat),
    ("star", five_star),
    ("flower", flower),
    ("car", car),
    ("face", face),
    ("mushroom", mushroom),
)

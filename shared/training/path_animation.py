"""Paths of optimizers over a loss surface as a moving picture. Met in week 2's guided notebook; knows only NumPy.

An SVG that moves by itself (SMIL), inside an <img>: it plays in JupyterLab, in Colab and in an exported page, without
scripts and without anything from a network. Three surfaces with four paths of 80 steps take about 75 KB.
"""

import base64
import html
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

Surface = Callable[[np.ndarray, np.ndarray], np.ndarray]
_WIDTH, _HEIGHT, _MARGIN, _TOP, _BOTTOM = 300, 260, 14, 30, 44
_PIXELS, _BANDS = 150, 14
_DARK, _LIGHT = np.array([120, 134, 156]), np.array([252, 252, 250])


def animate_paths(
    panels: Sequence[tuple[str, Surface, tuple[float, float, float, float]]],
    paths: Sequence[Mapping[str, np.ndarray]],
    colours: Mapping[str, str],
    seconds: float = 8.0,
) -> str:
    """HTML that shows surfaces side by side, with every path walked again and again, all in step.

    panels:  (title, surface(x, y) on arrays, (x low, x high, y low, y high))
    paths:   for each panel: name → (steps + 1, 2), the points that were visited
    colours: name → "#rrggbb"
    """
    width = len(panels) * (_WIDTH + _MARGIN) + _MARGIN
    height = _TOP + _HEIGHT + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#FCFCFA"/>'
    ]
    for number, ((title, surface, box), walked) in enumerate(zip(panels, paths, strict=True)):
        left = _MARGIN + number * (_WIDTH + _MARGIN)
        parts.append(f'<text x="{left}" y="20">{html.escape(title)}</text>')
        parts.append(
            f'<svg x="{left}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}">{_background(surface, box)}'
        )
        parts += [
            _moving(_to_pixels(path, box), colours[name], seconds) for name, path in walked.items()
        ]
        parts.append("</svg>")
    for number, (name, colour) in enumerate(colours.items()):
        x, y = _MARGIN + 8 + number * 190, height - 18
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="6" fill="{colour}"/>'
            f'<text x="{x + 12}" y="{y + 5}">{html.escape(name)}</text>'
        )
    picture = base64.b64encode(("".join(parts) + "</svg>").encode()).decode()
    names = html.escape(", ".join(title for title, _, _ in panels))
    return (
        f'<img alt="Moving paths over: {names}" style="width:100%;max-width:{width}px" '
        f'src="data:image/svg+xml;base64,{picture}">'
    )


def _to_pixels(path: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    x_low, x_high, y_low, y_high = box
    x = (path[:, 0] - x_low) / (x_high - x_low) * _WIDTH
    y = (y_high - path[:, 1]) / (y_high - y_low) * _HEIGHT
    far = 3 * _WIDTH  # a path that flies off leaves the picture, and its numbers stay short
    return np.nan_to_num(np.stack([x, y], axis=1), nan=far, posinf=far, neginf=-far).clip(-far, far)


def _moving(points: np.ndarray, colour: str, seconds: float) -> str:
    """A ball, and the trail that grows behind it. The last fifth of the time it rests."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    walked = np.concatenate([[0.0], np.cumsum(lengths)]) / max(lengths.sum(), 1e-9)
    times = np.append(np.linspace(0, 0.8, len(points)), 1.0)

    def values(numbers: np.ndarray, digits: int) -> str:
        return ";".join(f"{x:.{digits}f}" for x in np.append(numbers, numbers[-1]))

    clock = f'dur="{seconds:g}s" repeatCount="indefinite" keyTimes="{";".join(f"{t:.3f}" for t in times)}"'
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2" pathLength="1" stroke-dasharray="1 2">'
        f'<animate attributeName="stroke-dashoffset" values="{values(1 - walked, 3)}" {clock}/></path>'
        f'<circle r="5.5" fill="{colour}" stroke="white">'
        f'<animate attributeName="cx" values="{values(points[:, 0], 1)}" {clock}/>'
        f'<animate attributeName="cy" values="{values(points[:, 1], 1)}" {clock}/></circle>'
    )


def _background(surface: Surface, box: tuple[float, float, float, float]) -> str:
    """The surface in bands from dark (low) to light (high), as a small PNG."""
    x_low, x_high, y_low, y_high = box
    x, y = np.meshgrid(np.linspace(x_low, x_high, _PIXELS), np.linspace(y_high, y_low, _PIXELS))
    height = np.sqrt(surface(x, y) - surface(x, y).min())  # the root shows the flat parts too
    bands = np.minimum((height / height.max() * _BANDS).astype(np.uint8), _BANDS - 1)
    shades = np.linspace(_DARK, _LIGHT, _BANDS).astype(np.uint8)
    picture = base64.b64encode(_png(bands, shades)).decode()
    return (
        f'<image width="{_WIDTH}" height="{_HEIGHT}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{picture}"/>'
    )


def _png(indices: np.ndarray, palette: np.ndarray) -> bytes:
    """The smallest PNG writer: an image of palette indices (height, width), palette (colours, 3)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width = indices.shape
    rows = b"".join(b"\0" + row.tobytes() for row in indices.astype(np.uint8))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", palette.astype(np.uint8).tobytes())
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )

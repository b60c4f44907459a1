"""Colour pictures of 32 × 32: CIFAR-10 (week 2), and the drawn ones that stand in for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from shared.data import hub, places, transfer
from shared.data.errors import DownloadError, broken
from shared.data.lookup import Found, Recipe, look_up, ours
from shared.data.source import Dataset
from shared.data.splits import Images

if TYPE_CHECKING:
    import pyarrow

CIFAR10_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
DRAWN_SIZES = {"train": (6_000, 0), "test": (1_500, 1)}  # split → number, seed


def cifar10() -> Dataset:
    """Photographs in ten classes (Krizhevsky 2009): splits `train` (50,000) and `test` (10,000) of `Images`.

    images: uint8 (n, 3, 32, 32), channels red, green, blue; labels: int64 (n,), named by `class_names`.
    Layout of the folder `cifar10`: `cifar-10-batches-py/`, as torchvision writes it (its MD5 sums are compared), or the
    hub's `plain_text/*.parquet` with the columns `img` and `label`. Downloads come from the hub (`uoft-cs/cifar10`)
    first, since the address that torchvision knows has been very slow. Stand-in: `drawn_images()`.
    """
    return look_up(CIFAR10)


def drawn_images() -> Dataset:
    """Figures drawn by `shared/data/generate/images.py` in ten classes: 6,000 `train` (seed 0), 1,500 `test` (seed 1).

    images: uint8 (n, 3, 32, 32); labels: int64 (n,).
    """
    from shared.data.generate.images import drawn_images as draw

    splits, names = {}, ()
    for split, (number, seed) in DRAWN_SIZES.items():
        images, labels, names = draw(number, seed)
        splits[split] = Images(images, labels)
    return ours("drawn_images", Found(splits, tuple(names)), "Drawn by the course's generator.")


def _read(folder: Path) -> Found | None:
    if places.present(folder / "cifar-10-batches-py"):
        return _read_batches(folder)
    tables = {split: hub.read_split(folder, split, ("img", "label")) for split in ("train", "test")}
    if all(table is None for table in tables.values()):
        return None
    for split, table in tables.items():
        if table is None:
            raise broken(folder, f"lacks the parquet file of the split {split}")
    return Found({split: _decode(table, folder) for split, table in tables.items()}, CIFAR10_NAMES)


def _read_batches(folder: Path) -> Found:
    import torch
    from torchvision.datasets import CIFAR10 as TorchvisionCIFAR10

    splits = {}
    for split in ("train", "test"):
        try:
            # torchvision compares the MD5 sum of each batch before it unpickles it
            upstream = TorchvisionCIFAR10(str(folder), train=split == "train", download=False)
        except RuntimeError as error:
            raise broken(
                folder / "cifar-10-batches-py", "is not whole, or altered (torchvision's MD5 sums)"
            ) from error
        images = torch.from_numpy(upstream.data).permute(0, 3, 1, 2).contiguous()
        splits[split] = Images(images, torch.tensor(upstream.targets))
    return Found(splits, CIFAR10_NAMES)


def _decode(table: pyarrow.Table, folder: Path) -> Images:
    """Images and labels of the hub's table; folder: to be named where an image is broken."""
    import numpy as np
    import torch
    from PIL import Image

    pixels = np.empty((len(table), 32, 32, 3), dtype=np.uint8)
    for row, image in enumerate(table["img"].combine_chunks().to_pylist()):
        try:
            pixels[row] = np.asarray(
                Image.open(io.BytesIO(image["bytes"]), formats=("PNG", "JPEG")).convert("RGB")
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise broken(
                folder, f"has no PNG or JPEG image of 32 × 32 pixels in row {row}"
            ) from error
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
    return Images(images, torch.from_numpy(table["label"].to_numpy().astype("int64")))


def _fetch(folder: Path) -> None:
    import tarfile

    try:
        hub.fetch(folder, "uoft-cs/cifar10", "plain_text", ("train", "test"))
        return
    except DownloadError as first:
        problem = first
    from torchvision.datasets import CIFAR10 as TorchvisionCIFAR10

    for rest in folder.iterdir():
        rest.unlink()
    name, md5 = TorchvisionCIFAR10.filename, TorchvisionCIFAR10.tgz_md5
    try:
        archive = transfer.download(TorchvisionCIFAR10.url, folder, name, f"md5:{md5}")
    except DownloadError as second:
        raise DownloadError(f"{problem}; {second}") from second
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):  # in security releases from 3.10.12 on
            tar.extractall(folder, filter="data")
        else:
            tar.extractall(folder)
    archive.unlink()


CIFAR10 = Recipe("cifar10", read=_read, fetch=_fetch, stand_in=drawn_images)

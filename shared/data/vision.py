"""Pictures: MNIST (week 1), and scikit-learn's digits that stand in for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from shared.data import places, readers, transfer
from shared.data.errors import broken, reading
from shared.data.lookup import Found, Recipe, look_up, real
from shared.data.source import Dataset
from shared.data.splits import Images

if TYPE_CHECKING:
    from torch import Tensor

DIGITS_TEST = 450  # a quarter
DIGIT_NAMES = tuple("0123456789")
MNIST_SIZES = {"train": 60_000, "test": 10_000}


def mnist() -> Dataset:
    """Handwritten digits (LeCun, Cortes & Burges): splits `train` (60,000) and `test` (10,000) of `Images`.

    images: uint8 (n, 28, 28), 0 is paper and 255 is ink; labels: int64 (n,), the digit.
    Layout of the folder `mnist`: `MNIST/raw/*-ubyte.gz`, as torchvision writes it; its MD5 sums are compared.
    Stand-in: `digits()`, whose pictures are 8 × 8.
    Raises DataError for a file in BUMBLEBEE_DATA that is missing from the four, cut off or altered.
    """
    return look_up(MNIST)


def digits() -> Dataset:
    """The small handwritten digits that scikit-learn ships (UCI, Alpaydin & Kaynak 1998): 1,347 `train`, 450 `test`.

    images: uint8 (n, 8, 8), upstream's 0–16 scaled to 0–255; labels: int64 (n,).
    Upstream has no split: a quarter of each digit is the test set, drawn with seed 0.
    """
    import torch
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    upstream = load_digits()
    images = torch.from_numpy((upstream.images * (255 / 16)).round().astype("uint8"))
    labels = torch.from_numpy(upstream.target.astype("int64"))
    train, test = train_test_split(
        range(len(labels)), test_size=DIGITS_TEST, stratify=upstream.target, random_state=0
    )
    splits = {
        name: Images(images[rows], labels[rows])
        for name, rows in (("train", train), ("test", test))
    }
    return real(
        "digits",
        Found(splits, DIGIT_NAMES),
        "embedded",
        "Shipped with scikit-learn.",
        "scikit-learn",
    )


def _sums() -> dict[str, str]:
    from torchvision.datasets import MNIST

    return dict(MNIST.resources)


def _read_mnist(folder: Path) -> Found | None:
    raw = folder / "MNIST" / "raw"
    if not places.present(raw):
        return None
    sums = _sums()
    here = {
        name: [path for path in (raw / name, raw / Path(name).stem) if places.present(path)]
        for name in sums
    }
    if not any(here.values()):
        return None
    for name, paths in here.items():
        if not paths:
            raise broken(
                raw / name,
                "is missing beside the others",
                "Copy all four files, or remove the folder.",
            )
    paths = {name: paths[0] for name, paths in here.items()}
    for name, path in paths.items():
        if path.suffix == ".gz":
            readers.check_md5(path, sums[name], "torchvision")
    splits = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = _read_idx(paths[f"{prefix}-images-idx3-ubyte.gz"])
        labels = _read_idx(paths[f"{prefix}-labels-idx1-ubyte.gz"])
        if images.shape != (MNIST_SIZES[split], 28, 28) or labels.shape != (MNIST_SIZES[split],):
            raise broken(
                raw,
                f"holds {split} arrays of shapes {tuple(images.shape)} and {tuple(labels.shape)}",
            )
        splits[split] = Images(images, labels)
    return Found(splits, DIGIT_NAMES)


def _read_idx(path: Path) -> Tensor:
    """One idx file, by torchvision's reader, which wants an unpacked file: that is made in a temporary folder."""
    from torchvision.datasets.mnist import read_image_file, read_label_file

    read = read_image_file if "images" in path.name else read_label_file
    data = readers.read_bytes(path)
    with tempfile.TemporaryDirectory(prefix="bumblebee-") as folder, reading(path):
        unpacked = Path(folder) / "idx"
        unpacked.write_bytes(data)
        try:
            return read(str(unpacked))
        except (AssertionError, RuntimeError, ValueError, TypeError, KeyError, IndexError) as error:
            raise broken(path, f"is no whole idx file of images or labels ({error})") from error


def _fetch_mnist(folder: Path) -> None:
    from torchvision.datasets import MNIST

    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, md5 in _sums().items():
        transfer.download([mirror + name for mirror in MNIST.mirrors], raw, name, f"md5:{md5}")


MNIST = Recipe("mnist", read=_read_mnist, fetch=_fetch_mnist, stand_in=digits)

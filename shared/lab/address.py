"""Points the course at another address: for those who fork it. `bumblebee address https://github.com/YOU/FORK`."""

import re
from pathlib import Path

from shared.files import write_whole
from shared.lab.files import course_root

_ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")


def set_address(new: str) -> list[Path]:
    """Replaces the course's address in badges, setup cells and texts; returns the files that changed.

    Raises ValueError for anything but https://github.com/OWNER/NAME, which is all that Colab opens.
    """
    new = new.rstrip("/").removesuffix(".git")
    if not _ADDRESS.fullmatch(new):
        raise ValueError(f"{new!r} is no address such as https://github.com/OWNER/NAME.")
    old = current_address()
    pairs = [(old, new), (_in_colab(old), _in_colab(new))]
    root = course_root()
    changed = []
    for path in [*root.glob("*.md"), *root.glob("week*/*.md"), *root.glob("week*/*.ipynb")]:
        text = path.read_text(encoding="utf-8")
        replaced = text
        for before, after in pairs:
            replaced = replaced.replace(before, after)
        if replaced != text:
            write_whole(path, replaced)
            changed.append(path)
    return changed


def current_address() -> str:
    """The address from which the README says to clone."""
    readme = (course_root() / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"git clone ({_ADDRESS.pattern})", readme)
    if not found:
        raise ValueError("README.md holds no line 'git clone https://github.com/…'.")
    return found[1]


def _in_colab(address: str) -> str:
    return address.replace("https://github.com/", "https://colab.research.google.com/github/")

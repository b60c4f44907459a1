"""In Colab: installs what the course needs and Colab lacks, and never touches what is there (torch, NumPy).

What the course needs is said once, in pyproject.toml.
"""

import importlib.metadata
import subprocess
import sys

from packaging.requirements import Requirement

from shared.lab.files import course_root


def missing_requirements() -> list[str]:
    """The lines of pyproject's dependencies whose package is not installed at all."""
    import tomllib  # Python 3.11 and newer, which Colab has

    with open(course_root() / "pyproject.toml", "rb") as file:
        lines = tomllib.load(file)["project"]["dependencies"]
    return [line for line in lines if not _installed(Requirement(line))]


def _installed(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def install_missing() -> None:
    """Installs what is missing, quietly. Where that fails the notebook goes on, and says what could not be had."""
    lines = missing_requirements()
    if not lines:
        return
    result = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", *lines], capture_output=True, text=True
    )
    if result.returncode != 0:
        print(f"Could not install {', '.join(lines)}: {result.stderr.strip().splitlines()[-1:]}")

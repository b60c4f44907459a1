"""Whether this machine is ready for the course: `bumblebee doctor`."""

import contextlib
import importlib.metadata
import os
import sys
import tempfile
from dataclasses import dataclass

from packaging.requirements import Requirement

from shared.lab.files import shown, work_folder


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `found` also says what to do where it is not well."""

    well: bool
    what: str
    found: str


def examine_machine() -> list[Check]:
    """All checks, in the order in which a person would mend them."""
    checks = [_python(), *_packages()]
    if all(check.well for check in checks):
        checks.append(_device())
    return [*checks, _data(), _work()]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    well = sys.version_info >= (3, 10)
    return Check(well, "Python", version if well else f"{version}: the course needs 3.10 or newer")


def _packages() -> list[Check]:
    checks = []
    try:
        lines = importlib.metadata.requires("bumblebee-course") or []
    except importlib.metadata.PackageNotFoundError:
        return [Check(False, "the course", "not installed here: pip install -r requirements.txt")]
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            checks.append(
                Check(False, requirement.name, "missing: pip install -r requirements.txt")
            )
            continue
        well = requirement.specifier.contains(version, prereleases=True)
        found = version if well else f"{version}, and {requirement.specifier} is needed"
        checks.append(Check(well, requirement.name, found))
    return checks


def _device() -> Check:
    import torch

    name = (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"CPU, {torch.get_num_threads()} threads"
    )
    return Check(True, "device", name)


def _data() -> Check:
    folder = os.environ.get("BUMBLEBEE_DATA")
    if not folder:
        return Check(
            True, "data", "BUMBLEBEE_DATA is not set: downloads, or the embedded stand-ins"
        )
    well = os.path.isdir(folder)
    return Check(
        well, "data", folder if well else f"BUMBLEBEE_DATA is {folder!r}, which is no folder"
    )


def _work() -> Check:
    folder = work_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Check(True, "my_work", f"{shown(folder)} can be written")
    return Check(
        False,
        "my_work",
        f"{shown(folder)} cannot be written: what you solve lives only in the notebook",
    )

"""Opens JupyterLab on the course: README in front, week folders at the left. `make lab`, or `bumblebee lab`."""

import os
import subprocess
import sys
from collections.abc import Sequence

from shared.lab.files import course_root


def command(arguments: Sequence[str] = ()) -> list[str]:
    """The command that `open_classroom` runs; `arguments` are JupyterLab's own, such as --no-browser."""
    settings = course_root() / "shared" / "lab" / "jupyterlab"
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        # JupyterLab listens on this machine only (127.0.0.1), so a token would only be a puzzle; on a machine that
        # is shared with others, --IdentityProvider.token=… among the arguments sets one.
        "--IdentityProvider.token=",
        f"--LabApp.app_settings_dir={settings}",
        "--LabApp.default_url=/lab/tree/README.md",
        # In a container one is root, and JupyterLab would refuse to start.
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        *arguments,
    ]


def open_classroom(arguments: Sequence[str] = ()) -> int:
    """Runs JupyterLab until it is closed, and returns its exit status."""
    try:
        return subprocess.call(command(arguments), cwd=course_root())
    except KeyboardInterrupt:  # Ctrl-C closes it
        return 0

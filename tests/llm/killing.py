"""kill -9, for tests of stages that are to end in the same bytes whatever strikes them."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterable


def killed(script: str, arguments: Iterable[object], waits: Iterable[float]) -> int:
    """Runs a script once for each wait, and kills it so many seconds after it has printed its first line.

    Returns how often it was still at work then; the others had ended by themselves.
    """
    command, struck = [sys.executable, "-c", script, *map(str, arguments)], 0
    for wait in waits:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline(), "it ended before its first line"
            time.sleep(wait)
            struck += process.poll() is None
            process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    return struck

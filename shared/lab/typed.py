"""A line that somebody types into a notebook, and None where nobody can: in CI, when publishing, in a script."""

import os
import sys


def type_line(prompt: str) -> str | None:
    """Asks for a line of text and waits for it; the line, or None where nobody is there to type, or where they give up.

    A notebook that is run as a whole (nbval, `bumblebee publish`) has nobody to ask: it goes on.
    """
    if os.environ.get("BUMBLEBEE_PROFILE", "").strip().lower() == "smoke":
        return None
    try:
        if "ipykernel" not in sys.modules and not sys.stdin.isatty():
            return None
        return input(prompt)
    except (EOFError, KeyboardInterrupt):
        return None
    except (
        Exception
    ) as error:  # IPython's own class, which is not imported where there is no notebook
        if type(error).__name__ == "StdinNotImplementedError":
            return None
        raise

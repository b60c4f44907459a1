"""What several tests of `shared.llm` use."""

import sys

import pytest

from shared import cli


@pytest.fixture
def bumblebee(my_work, monkeypatch, capsys):
    """A function that runs the command: its exit code, stdout, stderr. my_work/ is an empty folder."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["bumblebee", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = stopped.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run

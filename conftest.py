"""For every test and every notebook: profile smoke, stand-in data, a my_work/ of its own, and a closed network.

Real data has its own tests: where BUMBLEBEE_DATA is set, it is moved to BUMBLEBEE_TEST_DATA, for tests that ask for it.
"""

import os
import signal
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent

if "BUMBLEBEE_DATA" in os.environ:
    os.environ["BUMBLEBEE_TEST_DATA"] = str(Path(os.environ.pop("BUMBLEBEE_DATA")).resolve())

_scratch = tempfile.TemporaryDirectory(prefix="bumblebee-tests-")
os.environ.update(
    BUMBLEBEE_PROFILE="smoke",
    BUMBLEBEE_OFFLINE="1",
    BUMBLEBEE_WORK=str(Path(_scratch.name) / "my_work"),
    BUMBLEBEE_CACHE=str(Path(_scratch.name) / "cache"),
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    MPLBACKEND="agg",
    # tests/offline/sitecustomize.py closes the network in every Python that a test starts, kernels included.
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(ROOT / "tests" / "offline"), os.environ.get("PYTHONPATH")])
    ),
)
if "PYTEST_XDIST_WORKER" in os.environ:
    # One core for each worker: two that use two threads each only stand in each other's way.
    os.environ["OMP_NUM_THREADS"] = "1"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Begun in the background by a script (`make test &`), where the shell lets nobody be interrupted: some tests are.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Over several workers, a notebook's cells stay together (they share a kernel); all else is spread test by test."""
    from xdist.scheduler import LoadScopeScheduling

    class NotebooksWhole(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.split("::", 1)[0] if ".ipynb::" in nodeid else nodeid

    return NotebooksWhole(config, log)


@pytest.fixture
def real_data() -> Path:
    """The folder with real public data; the test is skipped where there is none."""
    folder = os.environ.get("BUMBLEBEE_TEST_DATA")
    if not folder:
        pytest.skip("BUMBLEBEE_DATA is not set: no real data here")
    return Path(folder)


@pytest.fixture
def my_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `my_work/` for one test."""
    folder = tmp_path / "my_work"
    monkeypatch.setenv("BUMBLEBEE_WORK", str(folder))
    return folder

"""Downloads: whole or not at all, one for all who ask, and the cache as it was when one fails."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from shared import data
from shared.data import lookup, series, store, transfer

COLUMNS = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n"
CSV = (COLUMNS + "2016-07-01 00:00:00,1,2,3,4,5,6,7\n" * 5_000).encode()


@pytest.fixture
def upstream(server, monkeypatch):
    """The publisher of ETTh1, on this machine."""
    server.files["/ETTh1.csv"] = CSV
    monkeypatch.setattr(series, "ETT", f"{server.url}/ETTh1.csv")
    monkeypatch.setattr(series, "ETT_SHA256", hashlib.sha256(CSV).hexdigest())
    monkeypatch.setattr(
        series, "ETTH1", lookup.Recipe("ett", series._read, data.digits, series._fetch)
    )
    return server


def test_a_download_is_kept_and_found_again(upstream, cache, monkeypatch):
    first = data.ett()
    assert (
        str(first) == "ETTh1 · 5,000 hours · real, downloaded" and first.source.origin == "download"
    )
    assert json.loads((cache / "ett" / "manifest.json").read_text())["files"]["ETTh1.csv"][
        "size"
    ] == len(CSV)
    assert not list((cache / ".staging").iterdir())
    monkeypatch.setenv("BUMBLEBEE_OFFLINE", "1")
    assert str(data.ett()) == str(first) and len(upstream.asked) == 1
    assert "Downloaded from GitHub" in data.ett().source.detail


def test_the_cache_serves_as_a_data_folder(upstream, cache, monkeypatch):
    data.ett()
    monkeypatch.setenv("BUMBLEBEE_DATA", str(cache))
    assert str(data.ett()).endswith("real, from BUMBLEBEE_DATA")


def test_offline_asks_nobody(upstream, monkeypatch, caplog):
    monkeypatch.setenv("BUMBLEBEE_OFFLINE", "1")
    assert not data.ett().source.real and upstream.asked == [] and not caplog.records


def failing(caplog, snapshot, cache: Path, *words: str) -> None:
    """The loader goes on with the stand-in, says why once, in one sentence, and the cache is as it was."""
    before = snapshot(cache)
    with caplog.at_level(logging.WARNING, "bumblebee.data"):
        found = data.ett()
    assert not found.source.real and found.stands_in_for == "ETTh1"
    assert len(caplog.records) == 1 and "Stand-in for ETTh1: digits." in caplog.text
    for word in words:
        assert word in found.source.detail and word in caplog.text
    assert snapshot(cache) == before


def test_wrong_checksum_of_a_download(upstream, caplog, snapshot, cache):
    upstream.files["/ETTh1.csv"] = CSV + b"one line more"
    failing(caplog, snapshot, cache, "/ETTh1.csv gave a file with another checksum than sha256:")


def test_a_download_that_breaks_off(upstream, caplog, snapshot, cache):
    upstream.cut_off = True
    failing(caplog, snapshot, cache, "/ETTh1.csv could not be downloaded")


def test_a_download_that_cannot_be_read_is_not_kept(upstream, caplog, snapshot, cache, monkeypatch):
    upstream.files["/ETTh1.csv"] = b"a,b\n1,2\n"
    monkeypatch.setattr(series, "ETT_SHA256", hashlib.sha256(b"a,b\n1,2\n").hexdigest())
    failing(caplog, snapshot, cache, "what was downloaded is of no use", "lacks the column 'date'")


def test_a_page_that_is_gone(upstream, caplog, snapshot, cache):
    upstream.files.clear()
    failing(caplog, snapshot, cache, "could not be downloaded", "404")


def test_a_host_that_refuses(upstream, caplog, snapshot, cache, monkeypatch):
    monkeypatch.setattr(series, "ETT", "http://127.0.0.1:9/ETTh1.csv")
    failing(caplog, snapshot, cache, "127.0.0.1 could not be reached (")


def test_a_host_that_is_silent_costs_little_and_is_not_asked_twice(monkeypatch):
    monkeypatch.setattr(
        transfer.socket, "create_connection", lambda *_, **__: time.sleep(1) or _Closed()
    )
    started = time.perf_counter()
    for _ in range(3):
        with pytest.raises(data.DownloadError, match=r"example\.org did not answer within 0\.2 s"):
            transfer.check_reachable("https://example.org/file", seconds=0.2)
    assert time.perf_counter() - started < 1


def test_behind_a_proxy_the_proxy_is_asked(monkeypatch):
    asked = []
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setattr(
        transfer.socket,
        "create_connection",
        lambda address, timeout: asked.append(address) or _Closed(),
    )
    transfer.check_reachable("https://example.org/file")
    assert asked == [("proxy.example", 3128)]


class _Closed:
    def close(self) -> None:
        pass


def test_a_second_address_is_tried(server, tmp_path):
    server.files["/good"] = b"good"
    urls = [f"{server.url}/gone", f"{server.url}/good"]
    checksum = f"md5:{hashlib.md5(b'good').hexdigest()}"
    assert transfer.download(urls, tmp_path, "file", checksum).read_bytes() == b"good"


def test_disk_full(upstream, caplog, snapshot, cache, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (cache / "mnist").mkdir(parents=True)
    (cache / "mnist" / "other").write_text("stays")
    monkeypatch.setattr(store, "_write_manifest", full)
    failing(
        caplog,
        snapshot,
        cache,
        "the disk is full",
        "Free some space, or set BUMBLEBEE_CACHE to another disk",
    )


def test_disk_full_in_the_middle_of_a_file(upstream, caplog, snapshot, cache, monkeypatch):
    import pooch

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch, "retrieve", full)
    failing(caplog, snapshot, cache, "the disk is full")


def test_a_cache_that_may_not_be_written(upstream, caplog, snapshot, cache, monkeypatch, tmp_path):
    monkeypatch.setenv("BUMBLEBEE_CACHE", str(tmp_path / "file" / "cache"))
    (tmp_path / "file").write_text("a file where a folder should be")
    failing(caplog, snapshot, cache, "could not be written", "Set BUMBLEBEE_CACHE")
    with pytest.raises(data.DownloadError, match="may not be written by you"):
        raise store.writing_failed("x", PermissionError(errno.EACCES, "Permission denied"))


def test_a_damaged_copy_is_replaced_or_counts_as_missing(upstream, cache, monkeypatch, caplog):
    data.ett()
    path = cache / "ett" / "ETTh1.csv"
    path.write_bytes(CSV[:-1] + b"8")
    monkeypatch.setenv("BUMBLEBEE_OFFLINE", "1")
    found = data.ett()
    assert (
        not found.source.real
        and "has another checksum than when it was downloaded" in found.source.detail
    )
    assert "`bumblebee data fetch`, which replaces it" in found.source.detail and caplog.records
    monkeypatch.delenv("BUMBLEBEE_OFFLINE")
    assert data.ett().source.real and path.read_bytes() == CSV and len(upstream.asked) == 2
    path.unlink()
    assert data.ett().source.real and len(upstream.asked) == 3
    (cache / "ett" / "manifest.json").write_text("{")
    assert data.ett().source.real and len(upstream.asked) == 4


def test_a_copy_without_manifest_is_no_copy(upstream, cache):
    (cache / "ett").mkdir(parents=True)
    (cache / "ett" / "ETTh1.csv").write_bytes(CSV[:100])
    assert len(data.ett().hours) == 5_000


CHILD = """
    import sys
    sys.path.insert(0, {repository!r})
    from shared.data import series, store
    series.ETT, series.ETT_SHA256 = {url!r}, {sha256!r}
    print((store.obtain("ett", series._fetch) / "ETTh1.csv").stat().st_size)
"""


def child(server) -> subprocess.Popen:
    code = textwrap.dedent(CHILD).format(
        repository=str(Path(__file__).parents[2]),
        url=f"{server.url}/ETTh1.csv",
        sha256=hashlib.sha256(CSV).hexdigest(),
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_processes_that_ask_at_once_get_one_whole_copy(server, cache):
    server.files["/ETTh1.csv"] = CSV
    server.pause = 0.1  # the download outlasts the difference in their starts
    asking = [child(server), child(server)]
    for process in asking:
        out, err = process.communicate(timeout=60)
        assert out.strip() == str(len(CSV)), err
    assert server.asked == ["/ETTh1.csv"]
    assert (cache / "ett" / "ETTh1.csv").read_bytes() == CSV and not list(
        (cache / ".staging").iterdir()
    )


def test_a_killed_download_leaves_no_half_copy(upstream, cache):
    upstream.pause = 1
    process = child(upstream)
    deadline = time.monotonic() + 30
    while not list(cache.glob(".staging/ett/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert list(cache.glob(".staging/ett/*")) and not (cache / "ett").exists()
    upstream.pause = 0
    assert data.ett().source.real and not list((cache / ".staging").iterdir())

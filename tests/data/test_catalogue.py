"""`bumblebee data`, `data fetch`, `data check`: the table, and one outcome for each data set."""

from __future__ import annotations

import hashlib

import pytest

from shared.data import catalogue, records, series

CSV = b"date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n2016-07-01,1,2,3,4,5,6,7\n"


@pytest.fixture
def upstream(server, monkeypatch):
    server.files["/ETTh1.csv"] = CSV
    monkeypatch.setattr(series, "ETT", f"{server.url}/ETTh1.csv")
    monkeypatch.setattr(series, "ETT_SHA256", hashlib.sha256(CSV).hexdigest())
    return server


def test_the_table_names_every_data_set_and_where_it_is(upstream, tmp_path, monkeypatch):
    list(catalogue.fetch(["ett"]))
    (tmp_path / "data" / "squad").mkdir(parents=True)
    (tmp_path / "data" / "squad" / "dev-v2.0.json").write_text("{}")
    monkeypatch.setenv("BUMBLEBEE_DATA", str(tmp_path / "data"))
    where = {row.name: row.where for row in catalogue.table()}
    assert where["squad"] == "BUMBLEBEE_DATA" and where["ett"] == "cache, 0.0 MB"
    assert where["mnist"] == "not here: digits stands in" and where["digits"] == "shipped"
    text = catalogue.render(catalogue.table())
    assert text.splitlines()[0].split() == [
        "name",
        "weeks",
        "rows",
        "licence",
        "size",
        "where",
        "it",
        "is",
        "now",
    ]
    assert len(text.splitlines()) == len(records.RECORDS) + 2
    assert max(len(line) for line in text.splitlines()) < 200


def test_fetch_brings_once_and_reports_failures(upstream, monkeypatch, capsys):
    assert catalogue.report(catalogue.fetch(["ett", "diabetes"])) == 0
    out = capsys.readouterr().out
    assert (
        "✓ ett: brought into" in out
        and "✓ diabetes: ships with scikit-learn, nothing to bring" in out
    )
    assert [outcome.text for outcome in catalogue.fetch(["ett"])] == [
        "was in the cache already, 0.0 MB"
    ]
    monkeypatch.setattr(series, "ETT_SHA256", "0" * 64)
    (catalogue.places.cache_root() / "ett" / "ETTh1.csv").write_bytes(b"damaged")
    assert catalogue.report(catalogue.fetch(["ett"])) == 1
    assert "✗ ett:" in capsys.readouterr().out
    monkeypatch.setenv("BUMBLEBEE_OFFLINE", "1")
    assert "BUMBLEBEE_OFFLINE is set" in next(catalogue.fetch(["mnist"])).text


def test_an_unknown_name_is_refused_before_anything_is_done():
    for action in (catalogue.fetch, catalogue.check):
        with pytest.raises(
            ValueError, match="no data set is called 'minst'; there are mnist, cifar10"
        ):
            action(["mnist", "minst"])


def test_check_reads_every_byte(upstream, root, capsys):
    list(catalogue.fetch(["ett"]))
    (root / "wikipedia").mkdir()
    (root / "wikipedia" / "a.jsonl").write_text('{"id": 1, "title": "t", "text": "x"}\n{"id": 2}\n')
    outcomes = {
        outcome.name: outcome
        for outcome in catalogue.check(["ett", "wikipedia", "mnist", "digits"])
    }
    assert outcomes["ett"].ok and outcomes["ett"].text == "1 hours in the cache"
    assert (
        not outcomes["wikipedia"].ok
        and "lacks the field 'title' in line 2" in outcomes["wikipedia"].text
    )
    assert (
        outcomes["mnist"].ok and outcomes["mnist"].text == "not on this machine, digits stands in"
    )
    assert outcomes["digits"].ok
    (catalogue.places.cache_root() / "ett" / "ETTh1.csv").write_bytes(CSV.replace(b"7\n", b"8\n"))
    (root / "mnist").mkdir()
    (root / "mnist" / "notes").write_text("x")
    outcomes = {outcome.name: outcome for outcome in catalogue.check(["ett", "mnist"])}
    assert not outcomes["ett"].ok and "another checksum" in outcomes["ett"].text
    assert not outcomes["mnist"].ok and "holds none of its files" in outcomes["mnist"].text

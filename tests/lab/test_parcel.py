"""Export and import of one's work: a round trip loses nothing, a bad file harms nothing."""

import os
import sys
import types
import zipfile
from pathlib import Path

import pytest

from shared.lab import export_work, import_work, journal, whose
from shared.lab.carry import file_of

RIGHT = (
    "import torch\n\n\ndef sigmoid(x, derivative=False):\n    value = 1 / (1 + torch.exp(-x))\n"
    "    return value * (1 - value) if derivative else value\n"
)
WRONG = RIGHT.replace("(-x)", "(x)")
LOCATION = "mlp/sigmoid.py"


def put(text: str) -> Path:
    path = file_of("mlp.sigmoid")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def packed(path: Path, **files: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(
                name.replace("__", "/").replace("_py", ".py").replace("_jsonl", ".jsonl"), text
            )
    return path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgetful):
    """A function that moves to another computer: another my_work/, and a classroom that knows nothing."""

    def move() -> Path:
        monkeypatch.setenv("BUMBLEBEE_WORK", str(tmp_path / "other" / "my_work"))
        forgetful()
        return tmp_path / "other" / "my_work"

    return move


def test_round_trip(
    my_work: Path, elsewhere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(RIGHT)
    journal.note("quiz", quiz="week01", question=1, right=True)
    (my_work / "mlp" / ".sigmoid.py.0.part").write_text("half")
    target = export_work(tmp_path / "work.zip")
    assert "✓ 2 files of your work in `work.zip`" in capsys.readouterr().out
    assert sorted(zipfile.ZipFile(target).namelist()) == ["journal.jsonl", LOCATION]
    elsewhere()
    assert whose("mlp.sigmoid") == "reference"
    assert import_work(target) == ["mlp.sigmoid"]
    assert "✓ 1 piece is yours again." in capsys.readouterr().out
    assert whose("mlp.sigmoid") == "yours"
    assert [e["question"] for e in journal.events("quiz")] == [1]
    import_work(target)
    assert len(journal.events("quiz")) == 1, "a second import doubles nothing"


def test_a_passing_piece_is_never_replaced_by_a_failing_one(
    my_work: Path, tmp_path: Path, capsys
) -> None:
    path = put(RIGHT)
    archive = packed(
        tmp_path / "a.zip",
        mlp__sigmoid_py=WRONG,
        mlp__relu_py="def relu(x: ",
        mlp__nothing_py="x = 1",
    )
    assert import_work(archive) == []
    assert path.read_text("utf-8") == RIGHT
    assert not (my_work / "mlp" / "relu.py").exists()
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("○ no pieces are yours again.")
    assert "mlp/nothing.py, mlp/relu.py, mlp/sigmoid.py." in shown


def test_a_passing_piece_replaces_another(my_work: Path, tmp_path: Path) -> None:
    path = put(RIGHT)
    other = RIGHT.replace("value", "squashed")
    assert import_work(packed(tmp_path / "a.zip", mlp__sigmoid_py=other)) == ["mlp.sigmoid"]
    assert path.read_text("utf-8") == other


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py",
        "../../mlp/sigmoid.py",
        "/tmp/evil.py",
        "mlp/../../evil.py",
        "mlp\\..\\evil.py",
        "a/b/c.py",
    ],
)
def test_nothing_is_written_outside(my_work: Path, tmp_path: Path, name: str, capsys) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, RIGHT)
        archive.writestr(LOCATION, RIGHT)
    before = {p for p in tmp_path.rglob("*") if my_work not in (p, *p.parents)}
    assert import_work(tmp_path / "a.zip") == ["mlp.sigmoid"]
    assert {p for p in tmp_path.rglob("*") if my_work not in (p, *p.parents)} == before
    assert sorted(p.name for p in my_work.rglob("*.py")) == ["sigmoid.py"]
    assert "Left out" in capsys.readouterr().out


def broken(kind: str, path: Path) -> None:
    whole = packed(path, mlp__sigmoid_py=RIGHT * 50).read_bytes()
    if kind == "text":
        path.write_text("no zip")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "flipped":
        path.write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    elif kind == "latin-1":
        packed(path, mlp__sigmoid_py="# café".encode("latin-1"))


@pytest.mark.parametrize("kind", ["text", "empty", "cut", "flipped", "latin-1"])
def test_broken_file(my_work: Path, tmp_path: Path, kind: str) -> None:
    put(RIGHT)
    broken(kind, tmp_path / "a.zip")
    with pytest.raises(
        ValueError, match=r"'a.zip' is not an export of my_work \(.+\). export_work\(\) makes one."
    ):
        import_work(tmp_path / "a.zip")
    assert whose("mlp.sigmoid") == "yours"


def test_too_large_to_be_a_piece(my_work: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(LOCATION, RIGHT + "#" * 11_000_000)
    assert import_work(tmp_path / "a.zip") == []


def test_piece_that_ends_the_program(my_work: Path, tmp_path: Path) -> None:
    assert import_work(packed(tmp_path / "a.zip", mlp__sigmoid_py="import sys\nsys.exit()")) == []


def test_missing_file(my_work: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"There is no file '.*gone.zip' here. Upload it beside the notebook"
    ):
        import_work(tmp_path / "gone.zip")
    with pytest.raises(ValueError, match="There is no file"):
        import_work(tmp_path)


def test_nothing_to_export(my_work: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no work to export yet: my_work is empty\."):
        export_work(tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_export_to_a_place_that_cannot_be_written(my_work: Path, tmp_path: Path) -> None:
    put(RIGHT)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        export_work(tmp_path / "file" / "a.zip")


def test_import_where_my_work_cannot_be_written(my_work: Path, tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.zip", mlp__sigmoid_py=RIGHT)
    my_work.write_text("a file")
    with pytest.raises(
        ValueError, match=r"my_work cannot be written \(.+\), so nothing could be kept"
    ):
        import_work(archive)


def test_colab_offers_the_download(
    my_work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(RIGHT)
    offered = []
    files = types.ModuleType("google.colab.files")
    files.download = offered.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.files", files)
    export_work(tmp_path / "a.zip")
    assert offered == [os.fspath(tmp_path / "a.zip")]

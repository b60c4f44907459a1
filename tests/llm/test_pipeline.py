"""Stages are done once, in order, and again only where that is asked for; what is interrupted goes on."""

import pytest

from shared.files import write_whole
from shared.llm import pipeline as pipeline_module
from shared.llm.pipeline import MADE_WITH, STAGES, Stage, alone, pipeline, saved_settings
from shared.llm.run import Run, read_json, write_json
from shared.llm.settings import changed, settings


@pytest.fixture
def done(monkeypatch):
    """What was done, by four stages that only note it."""
    calls = []

    def stage(name, depends_on, after):
        def does(run, chosen, progress):
            calls.append(name)
            (run.place(name) / "made").write_text(str(chosen.seed))
            return {"name": name}

        return Stage(name, depends_on, after, does, lambda record: [f"says {record['name']}"])

    chain = [
        stage("first", ("source",), ()),
        stage("second", ("seed",), ("first",)),
        stage("third", (), ("second",)),
        stage("beside", (), ("first",)),
    ]
    monkeypatch.setattr(pipeline_module, "STAGES", {s.name: s for s in chain})
    return calls


def run_it(folder, *args, **more):
    said = []
    pipeline(Run(folder), more.pop("settings", settings("nano")), *args, say=said.append, **more)
    return said


def test_all_once_and_in_order(tmp_path, done):
    said = run_it(tmp_path)
    assert done == ["first", "second", "third", "beside"]
    assert "    says third" in said
    said = run_it(tmp_path)
    assert len(done) == 4 and "second (done before)" in said


def test_one_stage_and_what_it_needs(tmp_path, done):
    run_it(tmp_path, ["beside"])
    assert done == ["first", "beside"]


def test_again_with_all_that_stand_on_it(tmp_path, done):
    run_it(tmp_path)
    run_it(tmp_path, again="second")
    assert done[4:] == ["second", "third"]


def test_other_settings_are_refused_before_anything_is_lost(tmp_path, done):
    run_it(tmp_path)
    with pytest.raises(ValueError, match=r"second in .* was made with seed 0 \(now 7\)"):
        run_it(tmp_path, settings=settings("nano", seed=7))
    assert (tmp_path / "second" / "made").read_text() == "0"
    assert saved_settings(Run(tmp_path)) == settings("nano"), "what was refused is not kept"
    with pytest.raises(ValueError, match="second in"):  # also where another stage is asked for
        run_it(tmp_path, settings=settings("nano", seed=7), again="beside")
    assert (tmp_path / "beside" / "made").exists()
    run_it(tmp_path, settings=settings("nano", seed=7), again="second")
    assert (tmp_path / "second" / "made").read_text() == "7"
    assert done == ["first", "second", "third", "beside", "second", "third"]


def test_a_stage_that_fails_is_not_done(tmp_path, done, monkeypatch):
    broken = pipeline_module.STAGES["third"]

    def fails(run, chosen, progress):
        raise ValueError("no")

    monkeypatch.setitem(
        pipeline_module.STAGES, "third", Stage("third", (), ("second",), fails, broken.says)
    )
    with pytest.raises(ValueError, match="no"):
        run_it(tmp_path)
    assert Run(tmp_path).record("third") is None and Run(tmp_path).record("second") is not None
    assert read_json(tmp_path / "third" / MADE_WITH) == {}


def test_one_process_at_a_time(tmp_path, done):
    with alone(Run(tmp_path)), pytest.raises(ValueError, match="another process works on"):
        run_it(tmp_path)
    run_it(tmp_path)


def test_settings_are_kept(tmp_path, done):
    assert saved_settings(Run(tmp_path)) is None
    chosen = settings("pocket", minutes=3, source="encyclopedia")
    run_it(tmp_path, settings=chosen)
    assert saved_settings(Run(tmp_path)) == chosen
    write_whole(tmp_path / "settings.json", "{")
    with pytest.raises(ValueError, match=r"settings\.json is damaged"):
        saved_settings(Run(tmp_path))
    write_json(tmp_path / "settings.json", {"colour": "red"})
    with pytest.raises(ValueError, match="has other settings than this version knows"):
        saved_settings(Run(tmp_path))


def test_unknown_stages_are_named(tmp_path, done):
    with pytest.raises(ValueError, match="there is no stage 'fourth'; there are first, second"):
        run_it(tmp_path, ["fourth"])


def test_the_real_stages_know_real_settings():
    known = set(vars(changed(settings("nano"))))
    for stage in STAGES.values():
        assert set(stage.depends_on) <= known
        assert set(stage.after) <= set(STAGES)


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk is full"):
        write_json(path, {"new": 2})
    assert read_json(path) == {"old": 1} and list(tmp_path.iterdir()) == [path]

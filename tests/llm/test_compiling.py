"""C++ that is built when it is asked for: built once, found again, and refused with a reason."""

import ctypes
import os

import pytest

from shared.llm import compiling

pytestmark = pytest.mark.skipif(compiling.compiler() is None, reason="no C++ compiler here")

SOURCE = 'extern "C" int answer() { return 40 + two; }\n'


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("BUMBLEBEE_CACHE", str(tmp_path / "cache"))
    compiling.compiled.cache_clear()
    source = tmp_path / "answer.cpp"
    (tmp_path / "two.h").write_text("constexpr int two = 2;\n")
    source.write_text('#include "two.h"\n' + SOURCE)
    yield source
    compiling.compiled.cache_clear()


def files(tmp_path):
    return sorted((tmp_path / "cache" / "compiled").iterdir())


def test_it_is_built_once_and_found_again(source, tmp_path, monkeypatch):
    assert compiling.compiled(source).answer() == 42
    (built,) = files(tmp_path)
    assert built.name.startswith("answer-")
    compiling.compiled.cache_clear()
    monkeypatch.setattr(compiling, "_build", lambda *_: pytest.fail("built again"))
    assert isinstance(compiling.compiled(source), ctypes.CDLL)


def test_a_change_in_it_or_in_a_header_builds_anew(source, tmp_path):
    assert compiling.compiled(source).answer() == 42
    (tmp_path / "two.h").write_text("constexpr int two = 3;\n")
    compiling.compiled.cache_clear()
    assert compiling.compiled(source).answer() == 43
    assert len(files(tmp_path)) == 2


def test_what_the_compiler_says_is_shown_and_nothing_is_left(source, tmp_path):
    source.write_text("int answer() { return forty_two; }\n")
    with pytest.raises(OSError, match=r"could not build answer\.cpp(.|\n)*forty_two"):
        compiling.compiled(source)
    assert files(tmp_path) == []


def test_without_a_compiler_it_says_what_to_install(source, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OSError, match="install g\\+\\+"):
        compiling.compiled(source)


def test_cxx_names_another(source, tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.write_text(f'#!/bin/sh\necho used > {tmp_path}/said\nexec {compiling.compiler()} "$@"\n')
    own.chmod(0o755)
    if os.name == "nt":
        pytest.skip("a shell script")
    monkeypatch.setenv("CXX", str(own))
    assert compiling.compiled(source).answer() == 42
    assert (tmp_path / "said").exists()

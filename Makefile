# lab        JupyterLab on the course        make lab ARGS="--no-browser --port 8890"
# test       every test and every notebook   (test-fast: without the notebooks and what is slow)
# llm        a language model from articles, in minutes   make llm ARGS="--source encyclopedia --dry-run"
# notebooks  runs all notebooks and writes them back, ready to commit
# lint, constraints, clean

PYTHON ?= python3
VENV ?= .venv
JOBS ?= logical
ARGS ?=
BIN := $(VENV)/bin
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
endif
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check

.PHONY: lab llm test test-fast notebooks lint constraints clean

lab: $(VENV)/.ready
	$(BIN)/bumblebee lab $(ARGS)

llm: $(VENV)/.ready
	$(BIN)/bumblebee llm $(ARGS)

test: $(VENV)/.ready-for-tests
	$(PY) -m pytest -n $(JOBS) $(ARGS)

test-fast: $(VENV)/.ready-for-tests
	$(PY) -m pytest -n $(JOBS) -m "not slow and not browser" --ignore=tests/notebooks/test_proofs.py --ignore=tests/real_data $(ARGS) tests

notebooks: $(VENV)/.ready
	$(BIN)/bumblebee publish $(ARGS)

lint: $(VENV)/.ready-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Resolves anew for all supported Pythons and systems. Run the tests with the result before you commit it.
constraints: $(VENV)/.ready
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.10 --fork-strategy requires-python --upgrade --quiet \
	    --no-emit-package bumblebee-course --no-header --no-annotate requirements.txt pyproject.toml --extra test \
	    --output-file $(VENV)/constraints.txt
	head -n 2 constraints.txt > $(VENV)/head.txt
	cat $(VENV)/head.txt $(VENV)/constraints.txt > constraints.txt

$(VENV)/.ready: requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or newer is needed')"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip
	$(PIP) install --quiet -c constraints.txt -r requirements.txt
	$(PY) -c "open('$@', 'w')"

$(VENV)/.ready-for-tests: $(VENV)/.ready
	$(PIP) install --quiet -c constraints.txt -e ".[test]"
	$(PY) -c "open('$@', 'w')"

clean:
	$(PYTHON) -c "import shutil; shutil.rmtree('$(VENV)', ignore_errors=True)"

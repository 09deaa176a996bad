# Two commands on a bare machine: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml btfsynth/__init__.py

.DELETE_ON_ERROR:
.PHONY: demo test proofs lint types check wheel docs clean tools

demo: $(VENV)/.run-ready $(VENV)/.compiled  ## install, then learn and check a 2-bit multiplier
	$(BIN)/btfsynth build multiplier:2 --simulator amaranth

test: $(VENV)/.test-ready $(VENV)/.compiled tools  ## install what all tests need, and run them
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

proofs: $(VENV)/.test-ready $(VENV)/.compiled  ## the tests that take minutes
	$(BIN)/python -m pytest -m long

check: lint types test  ## what a commit must pass

lint: $(VENV)/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev-ready
	$(BIN)/mypy

wheel: $(VENV)/.dev-ready  ## build dist/*.whl
	$(BIN)/python -m build --wheel

docs: $(VENV)/.docs-ready  ## the documentation as a site, in build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

tools: $(VENV)/.test-ready  ## the tools that are no Python packages
	@sh .ci/install-tools $(BIN)/python

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test-ready: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.run-ready

$(VENV)/.dev-ready: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.test-ready $(VENV)/.run-ready

$(VENV)/.docs-ready: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ $(VENV)/.run-ready

# Numba looks for changes only in the file of a compiled function, not in what that calls.
$(VENV)/.compiled: $(VENV)/bin/python $(shell find btfsynth -name '*.py')
	find btfsynth -name '*.nb[ic]' -delete
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find btfsynth -name '*.nb[ic]' -delete

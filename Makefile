# Two commands on a bare machine: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= test
BIN := $(VENV)/bin
SOURCES := pyproject.toml btfsynth/__init__.py

.DELETE_ON_ERROR:
.PHONY: demo test proofs lint types check wheel docs clean tools

demo: $(VENV)/.run-ready  ## install, then learn and check a 2-bit multiplier
	$(BIN)/btfsynth build multiplier:2 --simulator amaranth

test: $(VENV)/.test-ready tools  ## run the whole test suite
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

proofs: $(VENV)/.test-ready  ## the tests that take minutes
	$(BIN)/python -m pytest -m long

check: lint types test  ## what continuous integration runs

lint: $(VENV)/.dev-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev-ready
	$(BIN)/mypy

wheel: $(VENV)/.dev-ready  ## build dist/*.whl
	$(BIN)/python -m build --wheel

docs: $(VENV)/.docs-ready  ## the documentation as a site, in build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

tools:  ## the tools that are no Python packages
	@sh .ci/install-tools

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test-ready: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@ $(VENV)/.run-ready

$(VENV)/.dev-ready: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,$(EXTRAS)]'
	@touch $@ $(VENV)/.test-ready $(VENV)/.run-ready

$(VENV)/.docs-ready: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ $(VENV)/.run-ready

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Two commands on a bare machine: `make demo` and `make test`.

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= test
BIN := $(VENV)/bin
SOURCES := pyproject.toml btfsynth/__init__.py
TEST_READY := $(VENV)/.test-ready-$(EXTRAS)
DEV_READY := $(VENV)/.dev-ready-$(EXTRAS)

.DELETE_ON_ERROR:
.PHONY: demo test proofs lint types check wheel docs clean tools

demo: $(VENV)/.run-ready $(VENV)/.compiled  ## install, then learn and check a 2-bit multiplier
	$(BIN)/btfsynth build multiplier:2 --simulator amaranth

test: $(TEST_READY) $(VENV)/.compiled tools  ## run the whole test suite
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

proofs: $(TEST_READY) $(VENV)/.compiled  ## the tests that take minutes
	$(BIN)/python -m pytest -m long

check: lint types test  ## what a commit must pass

lint: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_READY)
	$(BIN)/mypy

wheel: $(DEV_READY)  ## build dist/*.whl
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

$(TEST_READY): $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@ $(VENV)/.run-ready

$(DEV_READY): $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,$(EXTRAS)]'
	@touch $@ $(TEST_READY) $(VENV)/.run-ready

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

# Everything that a newcomer or a contributor calls. Each target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: zork test check extras performance clean

# Set up, and play the main task: real Zork, a real local model, a critic that reads a real video.
zork: $(VENV)/.default
	$(BIN)/lookalike-bench run tasks/zork.yaml

# The tests. They fetch SmolLM2 (93 MB) once; what cannot be had here is skipped with its reason.
test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Types and style.
check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Whether all extras can stand in one environment, where Procgen keeps numpy below 2. Installs nothing.
extras: $(VENV)/.test
	$(BIN)/python -m pip install --dry-run --quiet '.[all,test]'

# Speed and memory, printed as ratios to the ideal. Brings torch and the official SDK, to be measured beside.
performance: $(VENV)/.performance
	$(BIN)/python -m tests.performance

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.default: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[default]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV)/.performance: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --editable '.[performance]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

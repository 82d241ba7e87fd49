# Everything a person does with xraylab. `make help` lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.installed
REPORT := data/08_reporting/report.html
SIZE := about 7.3 GB on Linux, of which 4.2 GB are the GPU libraries of torch

# Never fetch an interpreter, never link across file systems with a warning.
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE ?= copy
export KEDRO_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1

# uv from the PATH, or one of our own in .uv
UV = $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)

.PHONY: help setup run bundle test lint format viz docs lock bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## make .venv and install requirements.lock, once; says how large it is

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

$(STAMP): requirements.lock pyproject.toml | $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv)
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else f"xraylab needs Python 3.11 or newer, $(PYTHON) is {sys.version.split()[0]}; set PYTHON=…")'
	test -x $(BIN)/python || $(UV) venv --quiet --python "$$(command -v $(PYTHON))" $(VENV)
	@echo "Installing requirements.lock into $(VENV): $(SIZE). docs/install.md tells how to install less."
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@
	@echo "$(VENV) has $$(du -sh $(VENV) | cut -f1). Before the first kedro of a terminal: source $(BIN)/activate"

# glibc keeps freed blocks for the next training step (docs/benchmarks.md); other C libraries ignore this.
run test: export MALLOC_MMAP_MAX_ := 0
run test: export MALLOC_TRIM_THRESHOLD_ := 2147483647

run: $(STAMP)  ## run every pipeline on phantoms; ends with the path of the report
	$(BIN)/kedro run
	@echo "Report: $(CURDIR)/$(REPORT)"

test: $(STAMP)  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)  ## ruff, mypy --strict, the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

viz: $(STAMP)  ## look at the pipelines in Kedro-Viz
	$(BIN)/kedro viz run

docs: $(STAMP)  ## build the site of the docs in build/docs; any warning is an error
	$(BIN)/python -m properdocs build --strict
	@echo "Site: $(CURDIR)/build/docs/index.html"

bundle: $(STAMP)  ## zip a released model: make bundle TASK=bone_age
	$(BIN)/kedro bundle $(TASK)

lock:  ## renew requirements.lock for every platform
	$(UV) pip compile --quiet --universal --python-version 3.11 --extra dev --no-emit-index-url --custom-compile-command 'make lock' pyproject.toml -o requirements.lock

bench: $(STAMP)  ## measure speed and memory (minutes; quiet machine)
	$(BIN)/python -m benchmarks

clean:  ## remove what runs have written (not .venv, not your raw data)
	find data -path data/01_raw -prune -o -type f ! -name .gitkeep -print0 | xargs -0 -r rm -f
	rm -rf data/01_raw/phantoms data/01_raw/phantoms_test .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

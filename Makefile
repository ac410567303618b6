# make up     start Footfall on this machine:  make up ARGS="--site example.com"
# make test   run the tests (they open a real ClickHouse and a real Chromium):  make test ARGS="-k spool"
# make lint   ruff and mypy
# make bench  measure ingest and rollup on this machine
# make clean  remove what the targets above have made; data directories stay

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
# The browser tests start exactly this file.
CHROMIUM := /usr/bin/chromium

.DEFAULT_GOAL := help
.PHONY: help up test lint bench clean browser

help:
	@sed -n 's/^# make/make/p' Makefile

up: $(VENV)/.installed
	@exec $(BIN)/footfall up $(ARGS)

test: $(VENV)/.installed-dev browser
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	@$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- what the targets need: a stamp file each, so that a second `make up` installs nothing ------------------------

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: Footfall needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is $$($(PYTHON) --version): Footfall needs Python 3.11 or newer; name one with PYTHON=python3.12"; \
		exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment: install its venv package (Debian: apt-get install python3-venv)"; \
		exit 1; }
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/pip
	@echo "Installing Footfall and what it needs (a few minutes the first time) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/pip
	@echo "Installing Footfall with its development tools ..."
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.installed $@

browser:
	@{ test -x $(CHROMIUM) && command -v faketime >/dev/null; } || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Chromium and faketime for the tests ..." && apt-get update -qq && \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium faketime >/dev/null; \
		else \
			echo "The tests drive a real browser ($(CHROMIUM)) and a clock of their own (faketime), and one is missing:"; \
			echo "install them (Debian: apt-get install chromium faketime)"; \
			exit 1; \
		fi; }

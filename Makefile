# make up     start Footfall on this machine:  make up ARGS="--site example.com"
# make test   run the tests (they open a real ClickHouse and a real Chromium):  make test ARGS="-k spool"
# make test-fast  run those that start no process and take no second: in a minute and a half
# make test-all   run all of them, with many more examples and ten minutes of full load: takes hours
# make coverage   how much of the program those of make test-fast run: one figure, and what they leave out
# make lint   ruff and mypy
# make bench  measure this machine, one table and a JSON file:  make bench ARGS="--parts ingest,drain"
# make weigh  measure what Footfall weighs: on the disk, in seconds to install, in memory (installs once more; some minutes)
# make tracker  build the tracker's scripts from their sources, and print their sizes (needs Node.js)
# make screenshot  make the pictures in README.md and docs/pages anew (needs Chromium)
# make lists  make the tables that come from others' lists anew, from a folder with those lists:  make lists LISTS=folder
# make lock   pin what is installed, with hashes, for Python 3.11 and newer:  make lock ARGS=--upgrade takes newer versions
# make clean  remove what the targets above have made; data directories stay

PYTHON ?= python3
ARGS ?=
# Test files that run side by side. Most of them wait for processes of their own, and what waits is given a minute; with
# six two processors are busy (`time` does not tell of houses: docs/decisions/0061-time-of-tests.md). Each takes half a GiB.
JOBS ?= 6
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
# The browser tests start exactly these files; the second is the first without windows, and need not be there.
CHROMIUM := /usr/bin/chromium
HEADLESS := chromium-headless-shell
TRACKER := collector/tracker

# Or every process that a test starts would compile the program anew: a third of what all of them took.
export PYTHONDONTWRITEBYTECODE :=
# File by file, from both ends of the order of tests/conftest.py (tests/both_ends.py). Not by groups: pytest 9.2 and xdist
# 3.8 make one of every test.
PYTEST = $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder --durations 25

.DEFAULT_GOAL := help
.PHONY: help up test test-fast test-all compiled coverage lint bench weigh screenshot lock clean tracker lists browser node

help:
	@sed -n 's/^# make/make/p' Makefile

up: $(VENV)/.installed
	@exec $(BIN)/footfall up $(ARGS)

test: $(VENV)/.installed-dev browser node
	$(PYTEST) --numprocesses $(JOBS) --extent ci $(ARGS)

# As many as there are processors: these wait for nothing.
test-fast: $(VENV)/.installed-dev
	$(PYTEST) --numprocesses auto --extent fast --quiet $(ARGS)

# Once, or each of the processes that share the tests compiles all of them: a minute of processor time.
compiled: $(VENV)/.installed-dev browser node
	@told="$$($(BIN)/python -m pytest --collect-only --quiet --quiet --extent ci)" || { echo "$$told"; exit 1; }

test-all: $(VENV)/.installed-dev browser node
	$(PYTEST) --numprocesses $(JOBS) --extent all $(ARGS)
	@$(MAKE) --no-print-directory coverage

# In one process, and by those that start none. It takes nearly twice their time: too much for `make test`.
COVERAGE := $(BIN)/python -m coverage
coverage: $(VENV)/.installed-dev
	$(COVERAGE) run --source=schema,collector,pipeline,dashboards,footfall -m pytest --extent fast --quiet
	@$(COVERAGE) report --skip-covered --sort=miss | tail -n 25

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed
	@$(BIN)/python -m bench $(ARGS)

weigh: $(VENV)/.installed
	@$(BIN)/python -m bench --parts weight $(ARGS)

screenshot: $(VENV)/.installed-dev browser
	@$(BIN)/python -m tests.browser.picture docs/dashboard.png docs/pages

# The same sources give the same bytes: what is built is committed, and a test builds it again.
tracker: $(VENV)/.installed node
	@cd $(TRACKER) && npm run --silent build
	@$(BIN)/python -m collector.edge.tracker_scripts

lists: $(VENV)/.installed-dev
	@test -n "$(LISTS)" || { echo "Say where the lists are: make lists LISTS=folder (collector/enrich/lists.py names them)"; exit 1; }
	@$(BIN)/python -m collector.enrich.lists "$(LISTS)"

# One lock for every Python and processor. The setuptools in it builds this package itself, without fetching another.
LOCKED := uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-annotate --no-header $(ARGS)

lock: | $(BIN)/pip
	@$(PIP) 'uv>=0.9,<1'
	@sed -n 's/^requires = \["\(.*\)"\]/\1/p' pyproject.toml | $(BIN)/$(LOCKED) --extra dev --output-file requirements-dev.lock pyproject.toml -
	@sed -n 's/^requires = \["\(.*\)"\]/\1/p' pyproject.toml | $(BIN)/$(LOCKED) --constraint requirements-dev.lock --output-file requirements.lock \
		pyproject.toml -

clean:
	rm -rf $(TRACKER)/node_modules $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage bench/results
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

# What the lock names, byte for byte, then this package by what is there already.
EDITABLE := --no-deps --no-build-isolation --editable .

$(VENV)/.installed: pyproject.toml requirements.lock | $(BIN)/pip
	@echo "Installing Footfall and what it needs (a few minutes the first time) ..."
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) $(EDITABLE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements-dev.lock | $(BIN)/pip
	@echo "Installing Footfall with its development tools ..."
	@$(PIP) --no-compile --require-hashes --requirement requirements-dev.lock
	@$(PIP) $(EDITABLE)
	@touch $(VENV)/.installed $@

# Beside Chromium: two other engines for the tracker's core journeys, a display for one of them, a proxy, a clock, a disk,
# and what a cluster's tables are made with.
TESTED_WITH := chromium faketime strace firefox-esr webkit2gtk-driver xvfb nginx-light zookeeper

browser:
	@{ test -x $(CHROMIUM) && command -v faketime && command -v strace && test -x /usr/bin/firefox-esr && \
		test -x /usr/bin/WebKitWebDriver && command -v Xvfb && test -x /usr/sbin/nginx && \
		test -e /usr/share/java/zookeeper.jar && command -v java; } >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing what the tests run with ($(TESTED_WITH)) ..." && apt-get update -qq && \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TESTED_WITH) >/dev/null; \
		else \
			echo "The tests drive real browsers (Chromium, Firefox, WebKit), a proxy (nginx), a clock of their own (faketime), a"; \
			echo "disk that fails (strace) and ZooKeeper, and one is missing: install them (Debian: apt-get install $(TESTED_WITH))"; \
			exit 1; \
		fi; }
	@test -x /usr/bin/$(HEADLESS) || { test "$$(id -u)" = 0 && command -v apt-get && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(HEADLESS); } >/dev/null 2>&1 || \
		echo "$(HEADLESS) is not installed: without it the browser tests take longer"

node: $(TRACKER)/node_modules/.package-lock.json

# What the lock file names, byte for byte, and no script of any package runs.
$(TRACKER)/node_modules/.package-lock.json: $(TRACKER)/package-lock.json
	@{ command -v node && command -v npm; } >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Node.js for the tracker ..." && apt-get update -qq && \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null; \
		else \
			echo "The tracker is built with Node.js 18 or newer and npm, and one is missing: install them"; \
			echo "(Debian: apt-get install nodejs npm)"; \
			exit 1; \
		fi; }
	@echo "Installing what the tracker is built with ..."
	@cd $(TRACKER) && npm ci --silent
	@touch $@

# Needs Python >= 3.11 and make; everything else comes from the lock, into .venv. `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
# pip caches downloaded wheels, so nothing is downloaded twice.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-strip-extras \
	--no-emit-index-url --no-header --quiet

.PHONY: help demo test test-databases histories kills install up lint lock bench simulate docs test-browser audit clean
.DEFAULT_GOAL := help

help: ## Lists the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venv/installed ## Syncs a sandbox twice and prints success rates.
	$(BIN)/smsonline demo

install: .venv/installed ## Installs the program into .venv.

test: .venv/installed-dev ## Runs the test suite; needs no system package.
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-browser: .venv/installed-dev ## Tests the Dagster UI and the report in an installed Chromium.
	$(BIN)/python -m pytest -m browser tests/browser

kills: .venv/installed-dev ## 300 random kills and 20 restores of older files; afterwards every reader sees the same rows.
	$(BIN)/python -m tests.e2e.kills_and_restores 300 20 1

bench: .venv-bench/installed ## Compares with dlt; BENCH="--repeats 2 --snapshots 480" for a short run.
	.venv-bench/bin/python -m bench $(BENCH)

test-databases: .venv/installed-dev ## Tests the top-ups on SQLite and PostgreSQL.
	ALL_DATABASES=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/topups

histories: .venv/installed-dev ## 1,000 random histories of lost and restored ledgers over HTTP; no cap may be exceeded.
	$(BIN)/python -m tests.e2e.ledger_histories 1000 0

simulate: .venv/installed-dev ## Simulates the top-ups; SEEDS=50000 for more scenarios.
	$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),2000)

up: .venv/installed ## Starts the Dagster UI and daemon; SANDBOX=1 uses the sandbox.
	$(BIN)/python -m pipelines.dev_server

lint: .venv/installed-dev ## Style, types, imports, unused code and structure.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/vulture
	$(BIN)/python .ci/check_structure.py

lock: .venv/installed-dev ## Updates the locks from pyproject.toml.
	$(PIP) install uv
	$(LOCK) --upgrade --group build --output-file requirements.lock
	$(LOCK) --upgrade --group dev --output-file requirements-dev.lock
	$(LOCK) --upgrade bench/requirements.in --constraint requirements.lock --output-file requirements-bench.lock

docs: .venv/installed-dev ## Writes docs/schema.md from the code.
	$(BIN)/python -m assets.schema_doc

audit: .venv/installed-dev ## Checks the locked packages for known vulnerabilities.
	$(PIP) install pip-audit
	$(BIN)/pip-audit --require-hashes --disable-pip --requirement requirements.lock

clean: ## Removes everything that make created.
	rm -rf .venv .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis ci-output

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/installed: requirements.lock pyproject.toml | .venv/bin/python
	@echo "installing from requirements.lock (about a minute, once)"
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv-bench/installed: requirements-bench.lock | .venv/bin/python
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements-bench.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

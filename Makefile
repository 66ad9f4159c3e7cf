# Everything sets itself up: Python 3.11 and make are enough on Debian, `make run` to see it work.
#
#   make run     the console, the gateway and a practice MSP with an agent at work
#   make test    the whole gate: linters, types, import rules, every test with coverage
#   make check   the same without a browser
#   make bench   the benchmarks, as ratios to baselines of the same run

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two workers suit two cores; more only make the tests that kill processes slower.
WORKERS ?= 2
SECONDS ?= 300
ARGS ?=

.PHONY: help
help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up: each step leaves a stamp and is repeated only when what it rests on changed ---------

$(VENV)/stamp-run: requirements.lock pyproject.toml scripts/venv
	@scripts/venv "$(PYTHON)" "$(VENV)" requirements.lock
	@touch $@

$(VENV)/stamp-dev: requirements-dev.lock pyproject.toml scripts/venv | $(VENV)/stamp-run
	@scripts/venv "$(PYTHON)" "$(VENV)" requirements-dev.lock
	@touch $@

.PHONY: setup
setup: $(VENV)/stamp-run ## .venv with what Handrail needs

.PHONY: dev
dev: $(VENV)/stamp-dev ## .venv with what its tests need as well

tests/npm/node_modules/.stamp: tests/npm/package.json tests/npm/package-lock.json
	@scripts/npm
	@mkdir -p $(@D) && touch $@

# --- run ------------------------------------------------------------------------------------------

.PHONY: run
run: $(VENV)/stamp-run ## the demo: console, gateway, practice MSP, an agent at work
	@exec $(BIN)/handrail demo $(ARGS)

.PHONY: bench
bench: $(VENV)/stamp-run ## benchmarks
	@exec $(BIN)/handrail bench $(ARGS)

# --- the gate -------------------------------------------------------------------------------------

.PHONY: lint
lint: $(VENV)/stamp-dev ## ruff, its formatter, mypy, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: test
test: lint tests/npm/node_modules/.stamp ## the gate and every test, with coverage
	@scripts/browser
	@scripts/postgres
	$(BIN)/pytest -n $(WORKERS) --cov --cov-report=term $(ARGS)

.PHONY: check
check: lint tests/npm/node_modules/.stamp ## the gate without browser tests
	@scripts/postgres
	$(BIN)/pytest -n $(WORKERS) -m "not browser" $(ARGS)

.PHONY: explore
explore: $(VENV)/stamp-dev ## property tests and state machines with examples that are new each time
	HANDRAIL_EXAMPLES=explore $(BIN)/pytest -q -n $(WORKERS) -m hypothesis $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/stamp-dev ## coverage-guided fuzzing, SECONDS for each target
	HANDRAIL_FUZZ_SECONDS=$(SECONDS) $(BIN)/pytest -q -s tests/fuzz -o faulthandler_timeout=0 $(ARGS)

.PHONY: format
format: $(VENV)/stamp-dev ## let ruff put the code in order
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: docs
docs: $(VENV)/stamp-dev ## write what the program knows into docs/reference
	PYTHONPATH=tests $(BIN)/python -m support.reference

# --- upkeep ---------------------------------------------------------------------------------------

UV_COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header pyproject.toml --group build

.PHONY: lock
lock: ## pin the dependencies again (needs uv on the path or in .venv)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(UV_COMPILE) -o requirements.lock $(ARGS)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(UV_COMPILE) --group dev -o requirements-dev.lock $(ARGS)
	cd tests/npm && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

.PHONY: clean
clean: ## remove what make made; data of the demo stays
	rm -rf $(VENV) tests/npm/node_modules .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

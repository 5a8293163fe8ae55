# Piekwacht: run `make` for the list of targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
DEMO_SECONDS ?= 90
MINUTES ?= 15
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Tests start hundreds of processes: what was compiled by one is kept for the others, whatever the environment says.
test unit: export PYTHONDONTWRITEBYTECODE :=

.PHONY: help venv demo up stack test unit lint format types golden bench bench-load bench-truth bench-filers bench-soak bench-compare dashboard-pictures lock clean bench-survival bench-monitor soak-monitor bench-phone leaks-phone fuzz-phone

help: ## List every target with one line
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

# The environment is rebuilt only when the lock, the project file or the interpreter choice changes.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Piekwacht needs Python 3.11, 3.12 or 3.13; set PYTHON=python3.12, for example."; exit 2; }
	@test -x $(BIN)/python || { echo "Creating $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the locked packages into $(VENV) (a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

venv: $(READY) ## Create or update .venv

demo: $(READY) ## Replay the morning of 1 March 2023 on this machine (DEMO_SECONDS=90)
	@$(BIN)/piekwacht demo --seconds $(DEMO_SECONDS) --out build/demo

up: $(READY) ## Keep replica, monitor and load running until Ctrl-C
	@$(BIN)/piekwacht demo --keep --out build/up

stack: $(READY) ## See an alert travel to a receiver until Ctrl-C; FAULT=NAME measures fault to page
	@$(BIN)/piekwacht stack $(FAULT) --out build/stack

test: $(READY) lint types ## Run every check and test
	@$(BIN)/pytest --durations=15

unit: $(READY) ## Run the quick tests only
	@$(BIN)/pytest -m "not slow and not peer"

lint: $(READY) ## Check style and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

format: $(READY) ## Rewrite the code in the project's style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(READY) ## Check types (mypy, strict)
	@$(BIN)/mypy

golden: $(READY) ## Accept today's output as the golden files (then read the diff)
	@$(BIN)/pytest -m "not slow and not peer" --update-golden

bench: $(READY) ## Print the benchmarks, as ratios within one run
	@$(BIN)/python -m tests.benchmarks

bench-load: $(READY) ## Print what requests, journeys and citizens cost beside wrk, k6 and FastHttpUser (needs nginx)
	@$(BIN)/python -m tests.benchmarks.load

bench-truth: $(READY) ## Compare start lateness, response times and arrivals with the truth (needs nginx)
	@$(BIN)/python -m tests.benchmarks.truth

bench-filers: $(READY) ## Have 70,000 people file at the same time (eight minutes)
	@$(BIN)/python -m tests.benchmarks.filers

bench-soak: $(READY) ## Keep up half of the maximum and watch memory and schedule (MINUTES=15; needs nginx)
	@$(BIN)/python -m tests.benchmarks.soak --minutes $(MINUTES)

bench-compare: $(READY) ## Count false alarms and missed slowdowns of load compare (ten minutes)
	@$(BIN)/python -m tests.benchmarks.compare

bench-survival: $(READY) ## Kill the monitor 200 times, cut its power 200 times, fill its disk (minutes; needs strace)
	@$(BIN)/python -m tests.benchmarks.survival

bench-monitor: $(READY) ## Compare probes and scrapes with blackbox_exporter and prometheus_client (needs nginx)
	@$(BIN)/python -m tests.benchmarks.monitor

soak-monitor: $(READY) ## Keep 100 probes going and watch memory, descriptors and runs (MINUTES=15; needs nginx)
	@$(BIN)/python -m tests.benchmarks.monitor_soak --minutes $(MINUTES)

bench-phone: $(READY) ## Make 20 calls at once on one core; loss, CPU per call, lateness of other probes
	@$(BIN)/python -m tests.benchmarks.phone_load

leaks-phone: $(READY) ## Lose packets, kill callers at 100 instants: the far end must end with no call up
	@$(BIN)/python -m tests.benchmarks.phone_leaks

fuzz-phone: $(READY) ## Throw random bytes at the parsers of SIP, SDP and RTP (MINUTES=15)
	@$(BIN)/python -m tests.benchmarks.fuzz_phone --minutes $(MINUTES)

dashboard-pictures: $(READY) ## Draw docs/pictures from a live run (ten minutes; needs npm, prometheus, chromium, pngquant)
	@$(BIN)/python -m tests.pictures

lock: ## Renew requirements.lock (needs uv)
	@{ printf '# Every package of Piekwacht and of its tests, pinned with hashes, for Python 3.11 to 3.13.\n'; \
	   printf '# Made by "make lock"; do not edit by hand.\n'; \
	   uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	     --python-version 3.11 --group dev pyproject.toml; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock

clean: ## Remove everything that was built
	@rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

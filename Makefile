# The ways into this checkout. It needs Python 3.11 or newer and make; everything else is installed into .venv.

PYTHON ?= python3
WORKERS ?= 4
ARGS ?=
BIN := .venv/bin
# The stamp carries the checkout's path: an environment that was copied along with its checkout still points at the old one.
nothing :=
space := $(nothing) $(nothing)
STAMP := .venv/set-up-in$(subst /,-,$(subst $(space),_,$(CURDIR)))

# pip looks after this environment only: nobody has to be told about newer pips, or about being root in a container.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help setup run run-erp test test-erp lint types bench wheel lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-8s  %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## Make the environment .venv from the hashed lock file (run, test and the others do it by themselves)

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Returns Ledger needs Python 3.11 or newer, but '$(PYTHON)' is: $$($(PYTHON) --version 2>&1 | head -n 1)." >&2; \
	  echo "Install a newer one and name it, for instance: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$$($(PYTHON) --version 2>&1) cannot make virtual environments here: its modules venv and ensurepip are missing." >&2; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; }
# One that was made elsewhere, by another Python or only half is made anew; any other is kept, as something may be running from it.
	@{ grep -qsF "$(CURDIR)/.venv" $(BIN)/activate && \
	   grep -qsxF "version = $$($(PYTHON) -c 'import platform; print(platform.python_version())')" .venv/pyvenv.cfg; } || rm -rf .venv
	@echo "Setting up .venv from requirements-dev.lock (about a minute the first time)" >&2
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.lock || { \
	  echo "Not everything in requirements-dev.lock could be installed; pip says why above. If it found no matching distribution:" >&2; \
	  echo "the locked wheels are for CPython 3.11 to 3.14 on Linux with glibc or macOS. Name another Python with PYTHON=…" >&2; \
	  exit 1; }
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	@rm -f .venv/set-up-in* && touch "$@"

# exec: Ctrl-C and SIGTERM reach the program itself, not a shell around it.
run: setup ## Run the whole house on http://127.0.0.1:8080 (ARGS="--port 8081" …); Ctrl-C stops it
	@exec $(BIN)/returns-ledger run $(ARGS)

test: setup ## Run all tests, WORKERS (4) at a time: many of them wait more than they work (ARGS="-k gaps" …)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# A program of its own that is talked to over HTTP: it has its own environment, and nothing of it comes into ours.
TRYTON := build/tryton
test-erp: $(TRYTON)/asked ## Test against Tryton, a real ERP, installed below build (skipped where it cannot be had)
	@if test -f $(TRYTON)/installed; then \
	  RETURNS_LEDGER_TRYTON=$(TRYTON) $(BIN)/python -m pytest -m erp tests/erp -n $(WORKERS) --dist worksteal $(ARGS); \
	else echo "Tryton's packages cannot be had here: its tests are skipped ($(TRYTON)/install.log says why)"; fi

run-erp: $(TRYTON)/asked ## Run the demo against a Tryton that is installed and started below build (ARGS="--port 8081" …)
	@test -f $(TRYTON)/installed || { echo "Tryton's packages cannot be had here ($(TRYTON)/install.log says why)" >&2; exit 1; }
	@exec $(BIN)/python -m tests.erp.standing $(TRYTON) $(ARGS)

.PHONY: $(TRYTON)/asked
$(TRYTON)/asked: setup
	@mkdir -p $(TRYTON)
	@cmp -s tests/erp/requirements.txt $(TRYTON)/installed || { \
	  rm -rf $(TRYTON)/venv $(TRYTON)/installed; \
	  $(PYTHON) -m venv $(TRYTON)/venv && \
	  $(TRYTON)/venv/bin/python -m pip install --quiet --prefer-binary -r tests/erp/requirements.txt >$(TRYTON)/install.log 2>&1 && \
	  cp tests/erp/requirements.txt $(TRYTON)/installed; } || true

lint: setup ## Look for mistakes (ruff)
	@$(BIN)/python -m ruff check $(ARGS)

types: setup ## Check the types (mypy, strict)
	@$(BIN)/python -m mypy $(ARGS)

bench: setup ## Measure: every figure is a ratio to a baseline of the same run
	@$(BIN)/python -m pytest -m benchmark tests/benchmarks -s $(ARGS)

wheel: setup ## Build the wheel into dist
	@$(BIN)/python -m hatchling build -t wheel

# The existing pins are kept as far as pyproject.toml allows; ARGS=--upgrade moves all of them.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(ARGS)
lock: ## Write both lock files anew after a change of pyproject.toml (ARGS=--upgrade: with the newest versions)
	@test -x $(BIN)/uv || $(MAKE) setup
	@$(COMPILE) pyproject.toml -o requirements.lock >/dev/null
	@$(COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock >/dev/null
	@if grep -nE '://|^-' requirements.lock requirements-dev.lock; then echo "A lock file must not name an index or a location." >&2; exit 1; fi

clean: ## Remove what make has made; the ledger's own data stays
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find domain projections adapters api tests -name __pycache__ -type d -prune -exec rm -rf {} +

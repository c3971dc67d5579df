# The targets people use; `make help` lists them from their own comments.
VENV := .venv
PYTHON := $(VENV)/bin/python
PYTHON3 ?= python3

COMPOSE := docker compose --file deploy/compose/compose.yaml

.PHONY: help install demo test unit nightly bench chaos dashboards lint types format secrets engine up down

help:  ## List the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed  ## Make a virtual environment with everything, from the lock file

$(VENV)/installed: requirements-dev.lock pyproject.toml
	test -x $(PYTHON) || $(PYTHON3) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: install  ## Show Mailroom doing both of its jobs on real servers (KEEP=1 leaves it running)
	@$(PYTHON) -m demo

test: install  ## Run all tests on a real PostgreSQL and RabbitMQ
	$(PYTHON) -m pytest --numprocesses=3 --dist=loadscope --no-loadscope-reorder --durations=15

unit: install  ## Run the tests that need no server
	$(PYTHON) -m pytest tests/unit

nightly: install  ## Run the property tests with 20,000 examples each
	HYPOTHESIS_PROFILE=nightly $(PYTHON) -m pytest tests/unit --timeout=3600

bench: install  ## Print the benchmark tables; fails when a bound is broken
	$(PYTHON) -m tests.benchmarks

chaos: install  ## Kill, restart and cut off everything under load; fails when a mail is lost or repeated
	$(PYTHON) -m tests.chaos

dashboards: install  ## Write the Grafana dashboards from their code
	$(PYTHON) -m deploy.grafana.generate

lint: install  ## Check style, types of imports between rooms, and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

types: install  ## Check types
	$(VENV)/bin/mypy

format: install  ## Format the code and mend what can be mended mechanically
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

secrets:  ## Make the passwords of `make up` at random, unless there are some
	@$(PYTHON3) deploy/compose/make_secrets.py

engine:
	@{ docker compose version && docker info; } >/dev/null 2>&1 || { \
		echo "A Docker engine that answers is needed, and its Compose plugin: see docker info, docker compose version." >&2; \
		exit 1; }

up: engine secrets  ## Run everything in containers, and see a report and a non-delivery report arrive
	$(COMPOSE) up --detach --build
	@COMPOSE_COMMAND="$(COMPOSE)" $(PYTHON3) deploy/compose/check.py

down: engine  ## End the containers of `make up`; their data stays
	$(COMPOSE) down

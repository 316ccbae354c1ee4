# Every command of the project. `make` alone explains them.
PYTHON ?= python3
RUN := .venv/bin/python
# Variables that the commands read; given to make, they reach them.
export DEMO FORCE STACK

.DEFAULT_GOAL := help
.PHONY: help up down status logs demo test lint check fmt generate bench ledger wheel lock clean environment

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: environment ## start everything: DEMO=off without learners, STACK=docker|native instead of choosing
	@$(RUN) -m stack up

down: environment ## stop everything; data stays
	@$(RUN) -m stack down

status: environment ## each part's health on one screen
	@$(RUN) -m stack status

logs: environment ## what the parts write, PART=app one of them
	@$(RUN) -m stack logs $(PART)

demo: environment ## load the demo catalogue and let simulated learners study for a minute
	@$(RUN) -m stack demo

test: check ## check, then every test, those with the whole stack too
	@$(RUN) -m stack.native.tools build
	@$(RUN) -m pytest --ignore=tests/config

lint: environment ## what takes seconds, for every save: style, types, imports, size budgets
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@.venv/bin/lint-imports
	@$(RUN) -m pytest -q tests/test_architecture.py

check: lint ## lint, generated files, configurations by their own programs
	@$(RUN) -m stack.generated check
	@$(RUN) -m stack.windows
	@$(RUN) -m stack.native.tools build --tool promtool --tool amtool --tool otelcol-lms --tool docker-compose
	@$(RUN) -m pytest -q tests/config

fmt: environment ## format, and fix what lint can fix
	@$(RUN) -m ruff check --fix --quiet .
	@$(RUN) -m ruff format .

generate: environment ## write the generated files anew
	@$(RUN) -m stack.generated write

bench: environment ## measure against peers; results are pages, data and plots in docs/
	@$(RUN) -m stack.native.tools build
	@$(RUN) -m bench

ledger: environment ## play every loss scenario against the real parts, and write docs/ledger.md anew
	@$(RUN) -m stack.native.tools build
	@$(RUN) -m bench.ledger --long

wheel: environment ## build the library as a wheel into dist/
	@$(RUN) -m uv build --quiet --wheel --no-build-isolation --python $(RUN) --out-dir dist otel

lock: environment ## write the requirement locks anew, after a change of pyproject.toml
	@.venv/bin/uv pip compile -q --system-certs --universal --generate-hashes --no-header --no-emit-package stegmaier-otel pyproject.toml -o requirements.lock
	@.venv/bin/uv pip compile -q --system-certs --universal --generate-hashes --no-header --no-emit-package stegmaier-otel --group dev pyproject.toml -o requirements-dev.lock

clean: environment ## stop everything and remove its data, after asking (FORCE=1 does not)
	@$(RUN) -m stack clean

environment:
	@$(PYTHON) stack/bootstrap.py

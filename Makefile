# Every command of the project; `make` without a target lists them.
PYTHON ?= python3
RUN := .venv/bin/python
# Runs a command and shows what it prints only if it fails.
quiet = @output=$$($(1) 2>&1) || { printf '%s\n' "$$output"; exit 1; }
# Passed from make's command line to the commands through the environment.
export CADENCE DEMO FORCE OUT SEND SERVICE STACK

# Configurations that are checked by the programs that read them, in `make check`; `make test` runs the other tests.
CONFIGURATION := $(addprefix tests/,alertmanager/test_rules.py alertmanager/test_routes.py alertmanager/test_rendering.py alertmanager/test_messages.py stack/test_compose.py stack/test_compose_collector.py \
	stack/test_compose_command.py stack/test_stores.py $(addprefix collector_config/test_,collector_page.py \
	kubernetes.py lifted.py masking.py pages.py presets.py redaction_rules.py))
# The tests of a group run in one worker (tests/conftest.py).
WORKERS ?= 2
PYTEST := $(RUN) -m pytest -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help up down status logs demo test test-docker test-long engine lint check alerts-check alert-test backup-done preview report fmt generate bench bundle ledger licences \
	wheel lock \
	clean environment lint-types lint-style

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: environment ## start everything (DEMO=off: no learners; STACK=docker|native: force one)
	@$(RUN) -m stack up

down: environment ## stop everything and keep the data
	@$(RUN) -m stack down

status: environment ## show the health of every part on one screen
	@$(RUN) -m stack status

logs: environment ## show the output of all parts (PART=app: of one part)
	@$(RUN) -m stack logs $(PART)

demo: environment ## load the demo catalogue and run simulated learners for a minute
	@$(RUN) -m stack demo

preview: environment ## write the dashboards of the running stack as pages and pictures into dist/preview (BOARD=uid: one)
	@$(RUN) -m stack.boards preview --board "$(BOARD)"

backup-done: environment ## record that a backup of the database has succeeded (docs/alerting.md)
	@$(RUN) -m stack backup-done

test: check ## run check and every test, including those on the whole stack and in containers
	@$(RUN) -m stack.native.tools build
	@$(PYTEST) --durations=40 $(CONFIGURATION:%=--ignore=%) --ignore=tests/test_architecture.py

test-docker: environment ## run only the tests in containers; skipped where no engine is (docs/docker.md)
	@$(RUN) -m stack.native.tools build --tool prometheus --tool alertmanager --tool ferretdb --tool docker-compose
	@$(RUN) -m pytest --durations=0 tests/stack/docker

engine: ## install Podman and Chromium for the tests that use them, if this is Debian and you are root
	@sh tests/stack/docker/install.sh
	@sh tests/stack/running/install.sh

test-long: environment ## run what takes too long for every day: all of the ledger, the benchmarks against peers
	@$(RUN) -m stack.native.tools build
	@$(RUN) -m pytest -m long --durations=0

lint: environment ## check style, types, imports and size budgets; fast enough for every save
	@$(MAKE) --no-print-directory --jobs=2 lint-types lint-style

lint-types:
	$(call quiet,$(RUN) -m mypy)

# The plugins and fixtures that these tests do not use take longer to import than the tests take to run.
lint-style:
	$(call quiet,$(RUN) -m ruff check .)
	$(call quiet,$(RUN) -m ruff format --check .)
	$(call quiet,.venv/bin/lint-imports)
	$(call quiet,.venv/bin/lint-imports --config otel/pyproject.toml)
	$(call quiet,$(RUN) -m pytest -q --noconftest -p no:schemathesis -p no:hypothesispytest tests/test_architecture.py)

check: lint ## run lint, check generated files, validate configurations with their own programs
	$(call quiet,$(RUN) -m stack.generated check)
	$(call quiet,$(RUN) -m stack.windows)
	@$(RUN) -m stack.native.tools build --tool promtool --tool amtool --tool otelcol-lms --tool docker-compose
	$(call quiet,$(RUN) -m stack.alerting check)
	$(call quiet,$(RUN) -m grafana check)
	@$(PYTEST) $(CONFIGURATION)

alerts-check: environment ## check rules, cases, routes, runbooks of alerts, and that none is missing (LMS_ENVIRONMENT=…)
	@$(RUN) -m stack.native.tools build --tool promtool --tool amtool
	@$(RUN) -m stack.alerting check

alert-test: environment ## send a test alert through every channel that is set (NAME=LmsDown: with that alert's texts)
	@$(RUN) -m stack.native.tools build --tool alertmanager
	@$(RUN) -m stack.alerting.send $(NAME)

report: environment ## print the report of the last week (CADENCE=monthly: month; SEND=1: mail it to LMS_REPORT_TO)
	@$(RUN) -m stack report

licences: environment ## list every part that is built or installed, with its licence
	@$(RUN) -m stack.licences

fmt: environment ## format the code and fix what lint can fix
	@$(RUN) -m ruff check --fix --quiet .
	@$(RUN) -m ruff format .

generate: environment ## regenerate the generated files
	@$(RUN) -m stack.generated write

bench: environment ## measure against peers and write pages, data and plots to docs/
	@$(RUN) -m stack.native.tools build
	@$(RUN) -m bench

bundle: environment ## write rules, dashboards and configuration for any service as one folder (SERVICE=shop OUT=folder)
	@$(RUN) -m stack.bundle

ledger: environment ## run every loss scenario against the real parts and rewrite docs/ledger.md
	@$(RUN) -m stack.native.tools build
	@$(RUN) -m bench.ledger --long

wheel: environment ## build the library as a wheel into dist/
	@$(RUN) -m uv build --quiet --wheel --no-build-isolation --python $(RUN) --out-dir dist otel

lock: environment ## update the requirement locks after a change to pyproject.toml
	@.venv/bin/uv pip compile -q --system-certs --universal --generate-hashes --no-header --no-emit-package stegmaier-otel pyproject.toml -o requirements.lock
	@.venv/bin/uv pip compile -q --system-certs --universal --generate-hashes --no-header --no-emit-package stegmaier-otel --group dev pyproject.toml -o requirements-dev.lock

clean: environment ## stop everything and remove its data, after asking (FORCE=1: do not ask)
	@$(RUN) -m stack clean

environment:
	@$(PYTHON) stack/bootstrap.py

# `make` or `make help` lists the commands. Needs git, make and Python 3.11 or newer.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.complete
UV_VENV := build/uv
# The tests wait now and then, so one process more than there are cores, and no more than fit into 8 GB.
PROCESSES ?= $(shell $(BIN)/python -c 'import os; print(min(6, 1 + (os.cpu_count() or 1)))' 2>/dev/null)
PYTEST = $(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal
PURE   := shared/enrichment/routing/*,shared/fulfillment/orders.py,shared/vendors/*/*mapper.py
LOCAL  := $(BIN)/python -m infra.local
TERRAFORM := terraform -chdir=infra/terraform
PLAN   := $(CURDIR)/build/terraform.plan

# Interpreters to try, newest first. A launcher for a version that is not installed does not count.
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.15 python3.14 python3.13 python3.12 python3.11 python3 python)

export INTAKE CATALOG

.PHONY: help venv up down status seed-orders demo test test-all check api-check terraform-check screenshots format bench bench-peers package plan deploy smoke logs lock assets audit clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## make .venv, or update it when requirements-dev.txt has changed

# The stamp is written last, so the next call continues an interrupted installation.
$(STAMP): requirements-dev.txt
	@rm -f $@
	@set -e; \
	usable() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }; \
	if ! usable $(BIN)/python; then \
	  chosen=; \
	  for name in $(PYTHONS); do if usable "$$name"; then chosen=$$name; break; fi; done; \
	  if [ -z "$$chosen" ]; then \
	    echo "Python 3.11 or newer is needed; tried: $(PYTHONS). Install one, or name it: make venv PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	  fi; \
	  echo "venv: creating $(VENV) with $$("$$chosen" --version)"; \
	  "$$chosen" -m venv --clear $(VENV) || { \
	    echo "venv: '$$chosen -m venv' failed; on Debian and Ubuntu the package python3-venv holds it" >&2; exit 1; }; \
	fi; \
	echo "venv: installing requirements-dev.txt (about 850 MB, a minute or two the first time)"; \
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input -r requirements-dev.txt; \
	echo "venv: ready"
	@touch $@

up: venv ## start the laptop cloud and leave it running (LINE=records or LINE=orders for one half; INTAKE=records.jsonl CATALOG=catalogue.jsonl)
	@$(LOCAL) up $(if $(LINE),--line $(LINE))

down: venv ## stop the laptop cloud; its data stays
	@$(LOCAL) down

status: venv ## show which parts of the laptop cloud run
	@$(LOCAL) status

seed-orders: venv ## put the demo's 25 orders into the running laptop cloud; each call adds as many (CYCLE=1 fires the stages once)
	@$(LOCAL) seed-orders $(if $(CYCLE),--cycle)

demo: venv ## enrich 200 real parts, fulfill 25 orders, and account for each (LIMIT=200; INTAKE, CATALOG as for up)
	@$(LOCAL) demo $(if $(LIMIT),--limit $(LIMIT))

test: venv ## the tests, in parallel, without the slow ones (ONLY="tests/unit -k name" for some; PROCESSES=4)
	$(PYTEST) $(or $(ONLY),-m "not slow")

test-all: venv ## all tests, in parallel, with branch coverage
	$(PYTEST) --cov --cov-report=term --cov-fail-under=95
	$(BIN)/coverage report --include='$(PURE)' --fail-under=100

check: venv ## lint, format, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

api-check: venv ## let Schemathesis call every function as docs/openapi.json describes it (FUNCTION=workflow; EXAMPLES=50; SEED=2)
	@$(BIN)/python -m infra.openapi.check $(if $(FUNCTION),--function $(FUNCTION)) $(if $(EXAMPLES),--examples $(EXAMPLES)) $(if $(SEED),--seed $(SEED))

terraform-check: venv ## check, validate and test infra/terraform, without registry or account (needs terraform)
	@$(BIN)/python -m infra.terraform.check

screenshots: venv ## renew the pictures in docs/pictures, of a desk with the demo's data (needs Chromium)
	@$(BIN)/python -m infra.screenshots

format: venv ## let ruff correct what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: venv ## measure the budgets of enrichment and fulfillment, as ratios to their floors
	@$(BIN)/python -m infra.bench

bench-peers: venv ## the same record job on Celery, Dramatiq, procrastinate, DBOS and PgQueuer (ROUNDS=3; the two on Redis need redis-server)
	@$(BIN)/python -m infra.bench.peers $(if $(ROUNDS),--rounds $(ROUNDS))

package: venv ## build one archive for each function, build/<function>.zip, which Terraform deploys
	@$(BIN)/python -m infra.package --output build

plan: package ## show what a deployment would change (STATE_BUCKET=name the first time; docs/deploy.md)
	@$(TERRAFORM) init -input=false $(if $(STATE_BUCKET),-backend-config=bucket=$(STATE_BUCKET))
	@$(TERRAFORM) plan -input=false -out=$(PLAN)

# Applies exactly the plan that was shown.
deploy: plan ## package, plan, ask, apply
	@read -r -p "Apply this plan? Only yes does: " answer && [ "$$answer" = yes ] || { echo "deploy: nothing was changed" >&2; exit 1; }
	@$(TERRAFORM) apply -input=false $(PLAN); status=$$?; rm -f $(PLAN); exit $$status

# The token is passed in the environment, because every user of the machine can read a command line.
smoke: export SWITCHYARD_TOKEN := $(or $(TOKEN),$(SWITCHYARD_TOKEN))
smoke: venv ## call each function's health and a dry run (URL=https://{function}-123.region.run.app TOKEN=...; else the laptop cloud)
	@$(BIN)/python -m infra.smoke $(if $(URL),--url '$(URL)')

logs: ## show what the deployed functions logged, newest first (FUNCTION=automate SINCE=1h LIMIT=100)
	@gcloud logging read 'resource.type="cloud_run_revision" AND $(if $(FUNCTION),resource.labels.service_name="$(FUNCTION)",jsonPayload.function:*)' \
	  --freshness=$(or $(SINCE),1h) --limit=$(or $(LIMIT),100) \
	  --format='value(timestamp, severity, resource.labels.service_name, jsonPayload.message, jsonPayload.outcome, jsonPayload.code, jsonPayload.detail, textPayload)'

lock: venv ## compile requirements*.in into the pinned requirements*.txt
	@[ -x $(UV_VENV)/bin/uv ] || { $(BIN)/python -m venv $(UV_VENV) && $(UV_VENV)/bin/pip install -qq --disable-pip-version-check uv; }
	$(UV_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
	  requirements-dev.in -o requirements-dev.txt
	$(UV_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
	  -c requirements-dev.txt requirements.in -o requirements.txt

assets: venv ## fetch the scripts and styles of the desk again, by the hashes of infra/assets.py (needs npm)
	@$(BIN)/python -m infra.assets

audit: venv ## ask whether a deployed package has a known vulnerability (needs PyPI's advisories)
	@[ -x build/audit/bin/pip-audit ] || { $(BIN)/python -m venv build/audit && build/audit/bin/pip install -qq --disable-pip-version-check pip-audit; }
	build/audit/bin/pip-audit -r requirements.txt --no-deps --disable-pip --strict

clean: ## stop the laptop cloud and remove everything that was generated, with its data and .venv
	@if [ -x $(BIN)/python ] && [ -f $(STAMP) ]; then $(LOCAL) down --purge; fi
	rm -rf $(VENV) build *.egg-info .local .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

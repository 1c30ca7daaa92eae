# Every habit of this project. `make help` lists them.

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
RUN := $(BIN)/python
ARGS ?=
SEED ?= 1
FAULTS ?= 1000

# What the demo uses must not depend on a developer's .env with real accounts.
LOCAL := DJANGO_SETTINGS_MODULE=notevault.settings.local DJANGO_READ_DOT_ENV=false
DEMO := $(LOCAL) $(RUN) manage.py

.DEFAULT_GOAL := help
.PHONY: help demo clean-demo test full lint types imports migrations deploy-check schema \
	monitoring fuzz chaos bench pgbouncer k8s image load load-full rollout guide-check format \
	migrate lock install hooks check

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

demo: .venv/local ## Set everything up and buy a note; ARGS=--once stops after the purchase
	@$(DEMO) demo $(ARGS)

clean-demo: ## Remove what the demo made
	@if [ -x $(RUN) ]; then $(DEMO) demo --clean; else rm -rf .data; fi

test: .venv/test ## Set everything up and pass the tests
	@$(RUN) -m pytest $(ARGS)

full: .venv/test ## Every test and every play, also the slow ones: an hour
	@$(RUN) -m pytest -m "not monitoring and not k8s"
	@for target in fuzz chaos rollout load pgbouncer image; do $(MAKE) $$target || exit 1; done

lint: .venv/test ## Style and bugs (ruff)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: .venv/test ## Types (mypy)
	@DJANGO_READ_DOT_ENV=false $(BIN)/mypy notevault notes payments alerts ops
	@DJANGO_READ_DOT_ENV=false $(BIN)/mypy -p deploy.load -p deploy.rollout -p deploy.pgbouncer

imports: .venv/test ## The import contracts
	@$(BIN)/lint-imports --no-logo

migrations: .venv/test ## No model without its migration, no migration that blocks
	@DJANGO_READ_DOT_ENV=false $(RUN) manage.py makemigrations --check --dry-run
	@DJANGO_READ_DOT_ENV=false DJANGO_SETTINGS_MODULE=notevault.settings.test \
		$(RUN) manage.py lintmigrations --project-root-path . --no-cache --quiet ok ignore

deploy-check: .venv/test ## Django's deployment checks on production settings
	@set -a; . deploy/check.env; set +a; DJANGO_READ_DOT_ENV=false \
		$(RUN) manage.py check --deploy --fail-level WARNING

schema: .venv/test ## The OpenAPI schema has no warning
	@DJANGO_READ_DOT_ENV=false $(RUN) manage.py spectacular --validate --fail-on-warn --file /dev/null

check: lint types imports migrations deploy-check schema ## Every gate but the tests

monitoring: .venv/test ## Rules, dashboards and a real Prometheus (needs promtool, amtool and theirs)
	@for program in promtool prometheus amtool; do command -v $$program >/dev/null || { echo \
		"$$program is missing. On Debian: apt-get install prometheus prometheus-alertmanager"; \
		exit 1; }; done
	@promtool check rules deploy/prometheus/rules.yml
	@promtool test rules deploy/prometheus/rules*_test.yml
	@amtool check-config deploy/prometheus/alertmanager.yml
	@$(RUN) -m pytest -n 0 -m "monitoring or not monitoring" notevault/tests/monitoring $(ARGS)

fuzz: .venv/test ## Schemathesis against a running server, 300 examples an operation
	@DJANGO_READ_DOT_ENV=false $(RUN) manage.py fuzz $(ARGS)

chaos: .venv/local ## Buyers among faults and kills, then a referee; SEED=1 FAULTS=1000
	@DATA_DIR=.data/chaos $(DEMO) chaos --seed $(SEED) --faults $(FAULTS) $(ARGS)

bench: .venv/local ## What was promised of speed while the gateway fails; ARGS="--only …"
	@DATA_DIR=.data/bench LOG_LEVEL=error $(DEMO) bench $(ARGS)

pgbouncer: .venv/test ## Tests and demo behind a real PgBouncer; ARGS="ops -k worker" for a part
	@DJANGO_READ_DOT_ENV=false $(RUN) -m deploy.pgbouncer $(ARGS)

k8s: .venv/test .venv-deploy/deploy ## Kubernetes: each overlay rendered, validated and tested
	@$(RUN) deploy/k8s/check.py
	@DJANGO_READ_DOT_ENV=false $(RUN) -m pytest -n 0 -m k8s deploy/tests $(ARGS)

image: .venv/test ## Build the image on a Debian of its own, and try it (root; buildah, crun, debootstrap)
	@DJANGO_READ_DOT_ENV=false $(RUN) -m deploy.image.trial $(ARGS)

load: .venv/local .venv-load/ready ## Two minutes of visitors, 50 requests a second; ARGS=--smoke
	@$(RUN) -m deploy.load $(ARGS)

load-full: .venv/local .venv-load/ready ## The guide's stages; BASE_URL=https://staging… elsewhere
	@$(RUN) -m deploy.load --full $(ARGS)

rollout: .venv/local ## Replace every process under load, a migration in the middle (needs nginx)
	@$(LOCAL) DATA_DIR=.data/rollout LOG_LEVEL=error $(RUN) -m deploy.rollout $(ARGS)

guide-check: .venv/local .venv-deploy/deploy ## Every command of the guide and README; ARGS="--only 'phase 2'"
	@DJANGO_READ_DOT_ENV=false $(RUN) -m deploy.guide.check $(ARGS)

format: .venv/test ## Rewrite the code in the house's format
	@$(BIN)/ruff check --fix-only . ; $(BIN)/ruff format .

migrate: .venv/local ## Bring the development database up to date
	@$(RUN) manage.py migrate

hooks: .venv/test ## Run the gates before each commit
	@$(BIN)/pre-commit install

lock: .venv/bootstrap ## Resolve requirements/*.in into hashed locks
	@for name in bootstrap base local test load production deploy; do \
		$(BIN)/uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 \
			requirements/$$name.in -o requirements/$$name.txt || exit 1; done

install: .venv/test ## Install all that development needs into .venv

.venv/bootstrap: requirements/bootstrap.txt
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 is needed, and no python3 was found."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is older. Set PYTHON=…"; exit 1; }
	@[ -x $(RUN) ] || $(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "No virtual environment could be made. On Debian: apt-get install python3-venv"; exit 1; }
	@$(RUN) -m pip --version >/dev/null 2>&1 || $(RUN) -m ensurepip >/dev/null
	@$(RUN) -m pip install -q --disable-pip-version-check --require-hashes -r $< || \
		{ echo "Packages cannot be downloaded. Is the network there?"; exit 1; }
	@touch $@

# Apart from the service: the linters bring versions of their own.
.venv-deploy/deploy: requirements/deploy.txt .venv/bootstrap
	@echo "Installing requirements/deploy.txt …"
	@$(RUN) -m venv .venv-deploy
	@VIRTUAL_ENV=.venv-deploy $(BIN)/uv pip install -q --require-hashes -r $< || \
		.venv-deploy/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $< || \
		{ echo "Packages cannot be downloaded. Is the network there?"; exit 1; }
	@touch $@

# Of locust, which the service must not depend on.
.venv-load/ready: requirements/load.txt .venv/bootstrap
	@echo "Installing requirements/load.txt …"
	@[ -x .venv-load/bin/python ] || $(PYTHON) -m venv .venv-load
	@VIRTUAL_ENV=.venv-load $(BIN)/uv pip install -q --require-hashes -r $< || \
		.venv-load/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $< || \
		{ echo "Packages cannot be downloaded. Is the network there?"; exit 1; }
	@touch $@

.venv/%: requirements/%.txt .venv/bootstrap
	@echo "Installing requirements/$*.txt …"
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install -q --require-hashes -r $< || \
		$(RUN) -m pip install -q --disable-pip-version-check --require-hashes -r $< || \
		{ echo "Packages cannot be downloaded. Is the network there?"; exit 1; }
	@touch $@

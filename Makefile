# Everything a person or a machine runs, in a few words: `make help`. What each target needs is installed at first use.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# A Python 3.11 or 3.12 to build the environments with; ./tidelab looks further when this one is neither.
PYTHON ?= python3
PORT ?=
# Minutes after which `make test` stops itself, naming the slowest tests.
MINUTES ?= 60

STATE := $(or $(TIDELAB_STATE),$(CURDIR)/.tidelab)
ENVS := $(or $(TIDELAB_ENVS),$(STATE)/envs)
DEV := $(ENVS)/dev/bin
INSTALL := PYTHON="$(PYTHON)" ./tidelab env install

RUN_ENVS := proxy hub lab mlflow analyse
TEST_ENVS := $(RUN_ENVS) dev tensorflow tensorflow-test

.PHONY: help run check test prove lock schema screenshots

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## install what is missing and start Tidelab on this machine (PORT=8000)
	@$(INSTALL) $(RUN_ENVS)
	@exec "$(ENVS)/hub/bin/python" -m tidehub.embedded $(if $(PORT),--port $(PORT))

check: ## lint, format, types, import direction and unit tests: before every commit
	@$(INSTALL) dev
	@$(DEV)/ruff check .
	@$(DEV)/ruff format --check .
	@$(DEV)/mypy
	@$(DEV)/lint-imports --no-logo
	@$(DEV)/python -m pytest tests/unit -q -m "not integration and not browser and not prove"

test: ## every test: units, TensorFlow, real services, real browser (stops itself after MINUTES=60)
	@$(INSTALL) $(TEST_ENVS)
	@$(DEV)/python tests/run.py --minutes $(MINUTES)

prove: ## the full-size measurements that docs/ quotes (long)
	@$(INSTALL) $(TEST_ENVS)
	@$(DEV)/python -m pytest tests -m prove --timeout=0 --durations=20

lock: ## resolve the locked requirements again after a change of images/*/requirements*.in
	@$(INSTALL) dev
	@PYTHON="$(PYTHON)" ./tidelab env lock

# Everything a person or a machine runs, in a few words: `make help`. What each target needs is installed at first use.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# A Python 3.11 or 3.12 to build the environments with; ./tidelab looks further when this one is neither.
PYTHON ?= python3
PORT ?=
NAME ?=
# Minutes after which `make test` stops itself, naming the slowest tests.
MINUTES ?= 60

STATE := $(or $(TIDELAB_STATE),$(CURDIR)/.tidelab)
ENVS := $(or $(TIDELAB_ENVS),$(STATE)/envs)
DEV := $(ENVS)/dev/bin
INSTALL := PYTHON="$(PYTHON)" ./tidelab env install

RUN_ENVS := proxy hub lab mlflow analyse
TEST_ENVS := $(RUN_ENVS) dev tensorflow tensorflow-test torch torch-test

.PHONY: lab-extension help run password environments images dev check lint ruff format types imports documents unit test prove screenshots lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## install what is missing and start Tidelab on this machine (PORT=8000)
	@$(INSTALL) $(RUN_ENVS)
	@exec "$(ENVS)/hub/bin/python" -m tidehub.embedded $(if $(PORT),--port $(PORT))

password: ## a new password for somebody who lost theirs (NAME=ada; default: your own)
	@$(INSTALL) hub
	@"$(ENVS)/hub/bin/python" -m tidehub accounts reset "$(or $(NAME),$(shell id -un))"

check: lint unit ## before every commit: lint, format, types, import direction, documents, unit tests

lint: ruff format types imports documents ## the parts of `check` that run no test

ruff: dev
	@$(DEV)/ruff check .

format: dev
	@$(DEV)/ruff format --check .

types: dev
	@$(DEV)/mypy
	@for source in notebooks/[a-z]*/src; do \
	  MYPYPATH="$$source" $(DEV)/mypy -p "$$(basename "$$(dirname "$$source")" | tr - _)" || exit 1; done

imports: dev
	@$(DEV)/lint-imports --no-logo

documents: dev
	@$(DEV)/tidelab docs --check
	@$(DEV)/tidelab check

unit: dev ## unit tests alone, on all cores
	@$(DEV)/python -m pytest tests/unit notebooks -q -n auto -m "not integration and not docker and not browser and not prove"

test: environments ## every test: units, TensorFlow, PyTorch, real services, real containers, real browser (stops itself after MINUTES=60)
	@$(DEV)/python tests/run.py --minutes $(MINUTES)

images: dev ## container images of all use cases (needs Docker)
	@$(DEV)/tidelab images build

prove: environments ## the full-size measurements that docs/ quotes (long)
	@$(DEV)/python -m pytest tests notebooks -m prove --timeout=0 --durations=20
	@"$(ENVS)/tensorflow-test/bin/python" -m pytest tests/tensorflow -m prove --timeout=0 --durations=20
	@"$(ENVS)/torch-test/bin/python" -m pytest tests/torch -m prove --timeout=0 --durations=20

screenshots: environments ## pictures of every page at 1440 and 800 px, into .tidelab/screenshots
	@mkdir -p "$(STATE)/screenshots"
	@TIDELAB_SCREENSHOTS="$(STATE)/screenshots" $(DEV)/python -m pytest tests/browser -q
	@echo "Pictures: $(STATE)/screenshots"

lock: dev ## resolve the locked requirements again after a change of images/*/requirements*.in
	@PYTHON="$(PYTHON)" ./tidelab env lock

lab-extension: ## build extensions/jupyterlab-tidelab again after a change of its sources (needs Node 20 and npm)
	@cd extensions/jupyterlab-tidelab && npm ci --no-audit --no-fund --ignore-scripts && rm -rf lib labextension && npm run build && $(PYTHON) digest.py write

dev:
	@$(INSTALL) dev

environments: ## install everything that the tests need
	@$(INSTALL) $(TEST_ENVS)

# Every target is a few words; what it does is in tools/ or in the program itself.
# FILE=path/to/repos.yaml chooses the stack for plan, apply, destroy and e2e-test, ARGS=... adds
# options (`make destroy ARGS=--yes` where nobody can be asked).

FILE ?= examples/shop/repos.yaml
PYTHON := venv/bin/python
# One worker for the long tests on the engine, one for all others: tests/conftest.py.
WORKERS ?= --numprocesses 2
# The example wants a secret in its environment, like any service that names one.
SECRETS = $(if $(filter examples/shop/%,$(FILE)),API_SIGNING_KEY=$$(tools/demo-secret))
KARST = $(SECRETS) venv/bin/karst

# Where bootstrap puts programs that the system's own packages do not have.
CACHE := $(or $(KARST_CACHE),$(HOME)/.cache/karstkit)
export PATH := $(PATH):$(CACHE)/bin

.DEFAULT_GOAL := help
.PHONY: help bootstrap fmt lint proto generate check-generated requirements test test-unit \
	test-cov test-integration e2e-test e2e-test-ci plan apply destroy demo pictures bench

help: ## say what there is
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

bootstrap: ## install what this machine lacks
	@tools/bootstrap

fmt: ## format the code, and repair what the linter can
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint: ## format, lint, types, the order of the rooms, generated files
	@tools/lint

proto: ## write the gRPC stubs anew from proto/
	@tools/proto

generate: ## write the JSON Schema and the generated pages anew
	@tools/generate

check-generated: ## fail where a generated file is not what its source gives
	@tools/proto --check
	@tools/generate --check

requirements: ## pin the dependencies of pyproject.toml anew
	@tools/requirements

test: bootstrap lint ## everything: set-up, quick checks, all tests
	$(PYTHON) -m pytest $(WORKERS)

test-unit: ## the tests that need no engine
	$(PYTHON) -m pytest -m "not integration"

test-cov: bootstrap ## all tests, with coverage of at least 80 %
	$(PYTHON) -m pytest $(WORKERS) --cov --cov-report=term-missing:skip-covered --cov-report=xml

test-integration: bootstrap ## the tests on a real engine
	$(PYTHON) -m pytest -m integration

e2e-test: bootstrap ## deploy the stack beside what runs, ask it everything, remove it
	$(KARST) e2e --file $(FILE) $(ARGS)

e2e-test-ci: bootstrap ## the same, with a JUnit report in build/e2e.xml
	$(KARST) e2e --file $(FILE) --junit build/e2e.xml $(ARGS)

plan: ## show what would change
	$(KARST) plan --file $(FILE) $(ARGS)

apply: ## make it so
	$(KARST) apply --file $(FILE) $(ARGS)

destroy: ## remove the stack (ARGS=--volumes: its data, too; ARGS=--yes: unasked)
	$(KARST) destroy --file $(FILE) $(ARGS)

demo: bootstrap ## deploy examples/shop and leave it running
	@tools/demo

pictures: ## draw comment and summary for docs/pictures (Chromium, npm)
	@tools/pictures

bench: bootstrap ## measure, as ratios
	$(PYTHON) -m bench

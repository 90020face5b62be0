# Every target sets up what it needs. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
STAMPS := .make
PROTOS := $(wildcard protos/pawl/v1/*.proto)
RUNTIME ?= codex
PYTEST_ARGS ?=
MUTANT ?=
PLANT ?=
BENCH ?=
BENCH_ARGS ?=

.PHONY: help
help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-18s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(STAMPS)/setup ## Makes .venv and installs the project into it

$(STAMPS)/venv: requirements/dev.lock
	@mkdir -p $(STAMPS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Pawl needs Python 3.11 or newer: set PYTHON=/path/to/python3' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

$(STAMPS)/setup: $(STAMPS)/venv pyproject.toml build_hooks/protos.py $(PROTOS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: proto
proto: $(STAMPS)/venv ## Generates pawl/v1 from protos/
	$(BIN)/python build_hooks/protos.py

.PHONY: docs
docs: $(STAMPS)/setup ## Makes the tables and samples of docs/task.md anew
	$(BIN)/python build_hooks/task_page.py

.PHONY: pictures
pictures: $(STAMPS)/setup ## Takes the pictures of docs/dashboard.md anew
	$(BIN)/python -m tests.pictures.dashboard

.PHONY: format
format: $(STAMPS)/setup ## Rewrites code and protos in the house style
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format --quiet .
	$(BIN)/buf format --write

.PHONY: check
check: $(STAMPS)/setup ## Lints, types, import rules, protos
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/python build_hooks/breaking.py

.PHONY: test
test: test-unit test-journeys ## Runs every test, journeys with the real CLIs included

.PHONY: test-unit
test-unit: $(STAMPS)/setup ## Runs the tests that need no CLI
	$(BIN)/python -m pytest -m 'not journey' -n 2 --dist loadfile $(PYTEST_ARGS)

.PHONY: test-journeys
test-journeys: $(STAMPS)/setup clis github-answers page-judge ## Runs the whole stack with the real CLIs
	$(BIN)/python -m pytest -m journey -n 3 --dist loadfile $(PYTEST_ARGS)

.PHONY: bench
bench: $(STAMPS)/setup ## Measures the services; BENCH=validate for one benchmark
	$(BIN)/python -m bench $(BENCH) $(BENCH_ARGS)

.PHONY: cuts
cuts: $(STAMPS)/setup ## Cuts and blackholes a step's stream, 200 and 50 times; SEED= replays
	CUTS=$${CUTS:-200} BLACKHOLES=$${BLACKHOLES:-50} $(BIN)/python -m pytest -s tests/journeys/test_cutting.py

.PHONY: volume
volume: $(STAMPS)/setup ## Has steps print 1 GiB and sees that no service's memory grows; BYTES= for less
	BYTES=$${BYTES:-1073741824} $(BIN)/python -m pytest -s tests/journeys/test_volume.py

.PHONY: hostile
hostile: $(STAMPS)/setup ## Cancels hostile process trees 100 times over; ROUNDS= for less
	ROUNDS=$${ROUNDS:-100} $(BIN)/python -m pytest -s tests/runner/test_hostile_trees.py

.PHONY: chaos
chaos: $(STAMPS)/setup ## Breaks the services at every fault point in every way, then KILLS=500 times; SEED= replays
	$(BIN)/python -m tests.chaos all --runners 2 --cuts 0.05 --kills $(or $(KILLS),500) $(if $(SEED),--seed $(SEED))

.PHONY: chaos-short
chaos-short: $(STAMPS)/setup ## The same in brief: each fault point in one way, then 40 kills; SEED= replays
	$(BIN)/python -m tests.chaos short --kills 40 --jobs 30 --at-once 3 $(if $(SEED),--seed $(SEED))
	$(BIN)/python -m tests.chaos publishes --jobs 60 $(if $(SEED),--seed $(SEED))

.PHONY: publishes
publishes: $(STAMPS)/setup ## Publishes JOBS=1000 jobs under owners that die, to a forge that fails; UNIQUE=off, SEED=
	$(BIN)/python -m tests.chaos publishes --jobs $(or $(JOBS),1000) --unique $(or $(UNIQUE),on) \
		$(if $(SEED),--seed $(SEED))

.PHONY: plants
plants: $(STAMPS)/setup ## Takes one safeguard at a time away and sees that chaos notices; PLANT= filters
	$(BIN)/python -m tests.chaos.plants '$(PLANT)'

.PHONY: mutants
mutants: $(STAMPS)/setup ## Deletes rules one at a time and sees that a test notices; MUTANT= filters
	$(BIN)/python -m tests.mutants '$(MUTANT)'

.PHONY: clis
clis: clis-codex clis-gemini clis-claude ## Installs the three pinned CLIs below the project

.PHONY: clis-codex clis-gemini clis-claude
clis-codex clis-gemini clis-claude: clis-%:
	@deploy/clis/install.sh $*

.PHONY: github-answers
github-answers: ## Installs GitHub's description of its API, which tests of the forge's adapter read
	@tests/support/github/install.sh

.PHONY: page-judge
page-judge: ## Installs what judges whether everybody can use the pages
	@tests/support/pages/install.sh

.PHONY: demo
demo: $(STAMPS)/setup ## Runs a three-step task with RUNTIME=codex, gemini or claude; needs no key
	@deploy/clis/install.sh $(RUNTIME)
	@$(BIN)/python -m tests.support.demo $(RUNTIME)

.PHONY: up
up: ## Builds the images and starts the stack with Docker Compose
	docker compose up --build --detach --wait
	@echo "Pawl is up: orchestrator=$$(docker compose port orchestrator 50052) dashboard=http://$$(docker compose port dashboard 8080)/"
	@echo "Submit with: .venv/bin/pawl submit examples/three-steps.yaml --watch; or in the pages: make login prints a link to them"

.PHONY: login
login: ## Prints a link that logs a browser in to the dashboard of the stack; it is as good as a key
	@docker compose exec -T dashboard python -m services.dashboard.login_link

.PHONY: down
down: ## Stops the stack; its data stays
	docker compose down

.PHONY: journey-compose
journey-compose: $(STAMPS)/setup ## Runs a task and kills a runner in the Docker Compose stack
	$(BIN)/python -m tests.journeys.compose

.PHONY: lock
lock: ## Locks the newest dependencies that pyproject.toml allows
	uv pip compile --quiet --upgrade --generate-hashes --no-annotate --no-header --no-strip-extras --universal \
		--python-version 3.11 pyproject.toml --output-file requirements/run.lock
	uv pip compile --quiet --upgrade --generate-hashes --no-annotate --no-header --no-strip-extras --universal \
		--python-version 3.11 pyproject.toml --group build --group dev \
		--constraints requirements/run.lock --output-file requirements/dev.lock
	uv pip compile --quiet --generate-hashes --no-annotate --no-header --no-strip-extras --universal \
		--python-version 3.11 --group pyproject.toml:build \
		--constraints requirements/dev.lock --output-file requirements/build.lock

.PHONY: clean
clean: ## Removes everything the other targets made
	rm -rf .venv $(STAMPS) .demo dist pawl/v1 .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf deploy/clis/*/node_modules tests/support/{github,pages}/node_modules

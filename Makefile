# `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup backup test check format lock bench clean mutants sqlitecloud-server

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

setup: $(VENV)/.ready ## prepare .venv with the litekeep command

$(VENV)/.ready: requirements/run.lock pyproject.toml
	@./.ci/venv "$(PYTHON)" $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

backup: setup ## back up DATABASE_URL (or a sample database) to ./backups, and verify the backup
	@$(BIN)/litekeep sample
	@$(BIN)/litekeep backup --verify

$(VENV)-terraform/.ready: requirements/terraform.lock
	@./.ci/venv "$(PYTHON)" $(VENV)-terraform
	@$(VENV)-terraform/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

test: $(VENV)/.ready-dev $(VENV)-terraform/.ready check ## run every check and every test
	@./.ci/debian sqlite3 gcc libc6-dev strace systemd zstd npm chromium groff-base
	@tests/dump/current_shell/install
	@tests/sqlitecloud_server/node/install
	@$(BIN)/python -m pytest --coverage

sqlitecloud-server: $(VENV)/.ready-dev ## run a local SQLite Cloud server and print its DATABASE_URL
	@$(BIN)/python -m tests.servers.sqlitecloud --ready

mutants: $(VENV)/.ready-dev ## change the code at random and report the changes that no test notices
	@./.ci/debian sqlite3 strace
	@$(BIN)/python -m tests.mutants

bench: $(VENV)/.ready-dev requirements/bench.lock ## measure Litekeep and other tools, and write docs/benchmarks.md
	@./.ci/debian sqlite3 zstd restic
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.lock
	@$(BIN)/python -m benchmarks

check: $(VENV)/.ready-dev ## lint, format, types, import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint Dockerfile

format: $(VENV)/.ready-dev ## format the code
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lock: ## update the lock files (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra console pyproject.toml requirements/build.in -o requirements/run.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra console --group dev -c requirements/run.lock -o requirements/dev.lock pyproject.toml requirements/build.in
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group bench -o requirements/bench.lock
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group terraform -o requirements/terraform.lock
	@for job in $(basename $(notdir $(filter-out %/common.in,$(wildcard requirements/jobs/*.in)))); do \
	    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/run.lock -o requirements/jobs/$$job.lock requirements/jobs/$$job.in || exit; done

clean: ## remove .venv and caches; keeps backups, keys and databases
	@rm -rf $(VENV) $(VENV)-terraform .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

include deploy/deploy.mk

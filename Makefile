# Everything starts here; `make help` lists the targets.

PYTHON ?= python3
JOBS   ?= auto
ARGS   ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:

# Command (or C header), and the Debian package that brings it.
COMMANDS := iverilog:iverilog tshark:tshark g++:g++ make:make perl:perl git:git ccache:ccache ip:iproute2 \
            chromium:chromium tclsh:tcl
HEADERS  := lz4.h:liblz4-dev zlib.h:zlib1g-dev xrt/xrt/xrt_uuid.h:libxrt-dev

help: ## Show this list.
	@sed -n 's/^\([a-z.]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: system .venv ## Send a market session through the core and compare it with the model.
	@.venv/bin/tickwire demo $(ARGS)

test: system .venv ## Run all tests on both simulators (ARGS='-k book', JOBS=1).
	@# worksteal: a file's tests mostly stay in one process, which makes its fixtures once.
	@.venv/bin/pytest -n $(JOBS) --dist worksteal $(ARGS) tests

campaign: system .venv ## Run the tests that take minutes: ten million messages, the U280's netlist.
	@.venv/bin/pytest -n $(JOBS) -m campaign $(ARGS) tests

referees: system .venv .venv/quickfix ## Have quickfix and tshark judge what the core sends, a million messages long.
	@.venv/bin/pytest -n $(JOBS) -m referees $(ARGS) tests/referees tests/sim/exchange/test_quickfix.py

bench: system .venv ## Fill the order table, send the book a message in every cycle, compare the engines' speed.
	@.venv/bin/tickwire fill
	@.venv/bin/tickwire rate
	@.venv/bin/tickwire bench $(ARGS)

screenshot: demo ## Run the demo and photograph the top of its report: docs/report.png.
	@.venv/bin/tickwire report build/demo
	@.venv/bin/python -m tests.sim.report.screenshot build/demo/report.html docs/report.png

lint: .venv ## Check the Python style.
	@.venv/bin/ruff check .

clean: ## Remove what was built; .venv stays.
	@rm -rf build .pytest_cache .hypothesis .ruff_cache

# The venv is brought up to date whenever what goes into it changes.
.venv: .venv/up-to-date ## Set up Python with everything pinned in requirements.lock.

.venv/up-to-date: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Tickwire needs Python 3.11 or newer; choose one with PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call install,python3-venv)
	@echo "Setting up .venv (a minute or two)"
	@test -x .venv/bin/pip || $(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install -qq --disable-pip-version-check -r requirements.lock
	@# compat: packages are found in the checkout itself, those added later too.
	@.venv/bin/pip install -qq --disable-pip-version-check --no-deps --no-build-isolation \
	  --config-settings editable_mode=compat --editable .
	@touch $@

# Compiled from source, so it is in no other target's way.
.venv/quickfix: .venv/up-to-date
	@echo "Installing quickfix (it compiles for ten minutes)"
	@.venv/bin/pip install -qq --disable-pip-version-check -c requirements.lock --no-build-isolation \
	  --config-settings editable_mode=compat --editable '.[referees]'
	@touch $@

system: ## Install the missing tools (as root), or say which.
	@missing=; \
	for need in $(COMMANDS); do \
	  command -v $${need%%:*} >/dev/null || missing="$$missing $${need##*:}"; \
	done; \
	for need in $(HEADERS); do \
	  echo "#include <$${need%%:*}>" | g++ -fsyntax-only -x c++ - 2>/dev/null || missing="$$missing $${need##*:}"; \
	done; \
	test -z "$$missing" || $(call install,$$missing)

# One line for whoever is not root; on other systems the package names may differ.
define install
{ packages="$(1)"; \
  if test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null; then \
    echo "Missing tools. Please run: sudo apt-get install --no-install-recommends" $$packages; exit 1; \
  fi; \
  echo Installing $$packages; mkdir -p build; \
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$packages; \
  } >build/apt.log 2>&1 || { tail -n 20 build/apt.log; exit 1; }; }
endef

.PHONY: help demo test campaign referees bench screenshot lint clean .venv system

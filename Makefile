# Everything is run from here. `.venv` is made from the lock file; delete it to start afresh.
PYTHON ?= python3
KERAS ?= keras
BIN := .venv/bin
OLDEST := .venv-oldest/bin
# ai-edge-litert needs this package on every Python, but its newest release ends at 3.10.
CONSTRAINTS := backports-strenum<1.3
# Two processes, a file of tests to each at a time: pytest-xdist.
WORKERS := -n 2 --dist loadfile
COMPILE := uv pip compile --quiet --no-header --no-emit-index-url --no-annotate --python-version 3.10 setup.cfg

.PHONY: bench bench-full demo docs notebooks test test-all test-oldest mutate lint format models lock clean

.venv/ready: requirements.lock setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=…")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: .venv/ready  ## the main job: train, convert, run, compare, report; then the best digits file under 8 kB
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m examples.demo --keras $(KERAS) --output demo_output
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m examples.compress --keras $(KERAS) --output demo_output

test: .venv/ready lint  ## what CI runs
	$(BIN)/python -m pytest $(WORKERS) -m "not slow"

test-all: .venv/ready lint  ## the slow tests as well
	$(BIN)/python -m pytest $(WORKERS)

mutate: .venv/ready  ## the share of small mistakes that tests notice, and docs/mutation.md
	$(BIN)/python -m pip install --quiet mutmut==3.8.1
	rm -rf mutants build/mutation
	mkdir -p build/mutation
	cp -r tfcompress tests build/mutation
	cp tests/mutation_tensorflow.cfg build/mutation/setup.cfg
	$(BIN)/python -m mutmut run > mutants.log 2>&1 || (tail -n 40 mutants.log; exit 1)
	cd build/mutation && $(CURDIR)/$(BIN)/python -m mutmut run >> $(CURDIR)/mutants.log 2>&1 || (tail -n 40 $(CURDIR)/mutants.log; exit 1)
	$(BIN)/python -m tests.mutation

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/ready  ## beside other tools, on data that ships: under ten minutes
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m benchmarks

bench-full: .venv/ready .venv-mct/ready  ## on CIFAR-10 stored as JPEG, spoken digits and a watch as well: hours
	@test -n "$(DATA)" -a -n "$(MODEL)" || (echo "make bench-full DATA=folder MODEL=model.keras"; exit 1)
	$(BIN)/python -m pip install --quiet --no-deps --requirement benchmarks/requirements-sensor.txt
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m benchmarks "$(DATA)" "$(MODEL)"

.venv-mct/ready:  ## Sony's model_compression_toolkit, which needs an older TensorFlow
	$(PYTHON) -m venv .venv-mct
	.venv-mct/bin/python -m pip install --quiet --requirement benchmarks/requirements-mct.txt
	@touch $@

models: .venv/ready  ## build tflite_models/ anew
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -m examples.build_models --output tflite_models

docs: .venv/ready  ## the docs as a site, in build/site; a dead link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

notebooks: .venv/ready  ## run docs/notebooks/ anew and store what they show
	$(BIN)/python -m examples.run_notebooks

lock: .venv/ready  ## choose the versions of requirements*.lock anew
	echo '$(CONSTRAINTS)' | $(BIN)/$(COMPILE) --universal --extra dev --extra micro --constraint - --output-file requirements.lock --upgrade
	echo '$(CONSTRAINTS)' | $(BIN)/$(COMPILE) --universal --extra test --resolution lowest-direct --constraint - --output-file requirements-oldest.lock --upgrade

.venv-oldest/ready: requirements-oldest.lock
	$(PYTHON) -m venv .venv-oldest
	$(OLDEST)/python -m pip install --quiet --requirement requirements-oldest.lock
	$(OLDEST)/python -m pip install --quiet --no-deps --editable .
	@touch $@

test-oldest: .venv-oldest/ready  ## the suite on the lower end of what setup.cfg promises
	$(OLDEST)/python -m pytest $(WORKERS) -m "not slow"

clean:
	rm -rf .venv .venv-oldest .venv-mct demo_output build dist *.egg-info

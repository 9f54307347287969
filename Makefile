# Everything that a newcomer needs is `make demo` and `make test`; both set up their own environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
LIBTPU := $(VENV)/libtpu
PEERS := .venv-peers
PEERS_STAMP := $(PEERS)/.ready

.PHONY: demo test test-peers test-slow lint check bench browser clean

demo: $(STAMP)
	@$(BIN)/python -m jaxmlda demo

test: $(STAMP)
	$(BIN)/python -m pytest tests --ignore=tests/peers -m "not slow"

test-slow: $(STAMP) $(LIBTPU)/.ready browser
	$(BIN)/python -m pytest tests --ignore=tests/peers --ignore=tests/test_plan_tpu.py -m slow
	PYTHONPATH=$(LIBTPU) $(BIN)/python -m pytest tests/test_plan_tpu.py -m slow

test-peers: $(PEERS_STAMP)
	$(PEERS)/bin/python -m pytest tests/peers

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check: test lint test-peers test-slow

bench: $(STAMP)
	$(BIN)/python -m benchmarks.probe

browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  (apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-noto-cjk)

$(STAMP): setup.py pyproject.toml constraints.txt jaxmlda/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  (echo "jaxmlda needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12"; exit 1)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	@touch $@

# Beside the environment, not in it: where jax finds the TPU compiler it looks for a TPU at every start.
$(LIBTPU)/.ready: $(STAMP)
	$(BIN)/python -m pip install --quiet --target $(LIBTPU) --no-deps libtpu==0.0.42.1
	@touch $@

# torch comes first and alone, so that nothing else chooses its build.
$(PEERS_STAMP): setup.py constraints.txt constraints-peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --upgrade pip
	$(PEERS)/bin/python -m pip install --quiet torch==2.13.0
	$(PEERS)/bin/python -m pip install --quiet torch==2.13.0 -r constraints-peers.txt
	$(PEERS)/bin/python -m pip install --quiet --no-deps -e .
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS) runs build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

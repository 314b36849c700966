# The commands of this project. Everything runs in .venv, made on first use; PYTHON chooses the interpreter for it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PEERS := benchmarks/.peers
BENCH ?= --set lectures --name lectures
BIN := $(VENV)/bin
SEED ?= $(shell date +%Y%m%d)
SHARE ?= 1

.PHONY: help demo test quick nightly release lint bench bench-peers docs explorer clean
help:
	@echo "make demo    train a network on Fashion-MNIST and write its report (makes $(VENV) first)"
	@echo "make quick   the tests that take less than a few seconds each"
	@echo "make test    what continuous integration runs"
	@echo "make nightly thousands of kills and damaged files, hours of drawn cases (SEED=n chooses others, SHARE=0.1 a tenth)"
	@echo "make release all of it, a soak of six hours, and nothing may be skipped"
	@echo "make lint    ruff, mypy, import rules"
	@echo "make bench   striate beside TensorFlow and PyTorch (BENCH='--set general --rounds 3' chooses what)"
	@echo "make bench-peers  the other frameworks, in an environment of their own"
	@echo "make docs    the documentation as a web site"
	@echo "make explorer  the page of striate explore, from its TypeScript sources (needs node)"

$(BIN)/striate: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.development: $(BIN)/striate
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

# Exit code 3 says that the data is not to be had; anything else is a failure of its own.
demo: $(BIN)/striate
	@$(BIN)/striate train fashion-mnist || { \
	  test $$? -eq 3 || exit 1; \
	  echo; \
	  echo "The whole of Fashion-MNIST could not be had, so this demonstration trains on the 10 % subset that comes"; \
	  echo "with striate: expect a lower accuracy than the 70,000 images give."; \
	  echo; \
	  $(BIN)/striate train fashion-mnist --subset; }

# The levels of tests, each the one before and more; docs/reliability.md says what runs where. A failure prints the
# command that repeats it.
quick: $(VENV)/.development
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --level quick $(PYTEST)

test: $(VENV)/.development
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(PYTEST)

nightly: $(VENV)/.development
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --level nightly --seed $(SEED) --share $(SHARE) --timeout 7200 $(PYTEST)

release: $(VENV)/.development
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --level release --seed $(SEED) --share $(SHARE) --timeout 43200 $(PYTEST)

lint: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The other frameworks never become dependencies: they live in an environment of their own, or in the one whose
# interpreter STRIATE_PEERS names.
$(PEERS)/bin/python:
	$(PYTHON) -m venv $(PEERS)
	$@ -m pip install --quiet --requirement benchmarks/peers.txt || { rm -rf $(PEERS); exit 1; }

bench-peers: $(if $(STRIATE_PEERS),,$(PEERS)/bin/python)

bench: $(BIN)/striate bench-peers
	$(BIN)/python -m benchmarks.compare $(BENCH)

docs: $(BIN)/striate
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python -m sphinx -W -b html docs build/docs

# The built files are part of the repository: whoever only uses or tests striate needs no node.
explorer/node_modules: explorer/package.json explorer/package-lock.json
	npm ci --prefix explorer
	@touch $@

explorer: explorer/node_modules
	npm --prefix explorer run check
	npm --prefix explorer run build

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# Needs python3 (>= 3.11) and make, nothing else. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
JOBS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Tests start Python hundreds of times: what is compiled once need not be compiled again.
export PYTHONDONTWRITEBYTECODE =

CORE := $(VENV)/.core
MODAC := $(VENV)/.modac
TEST := $(VENV)/.test
DEV := $(VENV)/.dev
QUICK := $(VENV)-quick

.PHONY: help demo demo-training demo-modac quick test foreign corpus lint types layers bench docs regen regen-check schema-diff fuzz wheelhouse package ci clean

help:
	@echo "demo        convert a real cancer model, validate it, restore it, compare sha256 (about 60 MB of downloads)"
	@echo "demo-training  train in PyTorch, be killed in a save, start again, lose nothing (needs torch)"
	@echo "demo-modac  publish a model and a series to a local stand-in of MoDaC, download them as somebody else, compare"
	@echo "quick       the tests that need no framework, in an environment of their own (45 MB of downloads, a minute)"
	@echo "test        all tests, with all frameworks (about 1.3 GB of downloads, 5 GB on disk)"
	@echo "foreign     ajv and the language service of VS Code take the bundles of the schemas (needs Node; 5 MB of downloads)"
	@echo "corpus      convert 110 real checkpoints of others and compare each with its own loader (740 MB of downloads)"
	@echo "lint        ruff; types: mypy; layers: which room may import which; docs: what README and spec.md show is true"
	@echo "regen       typed models, index, table of formats from the schemas and converters; regen-check: nothing to do?"
	@echo "schema-diff what changed from the schema, or tree of schemas, A=... to B=..., and whether the version says so"
	@echo "fuzz        the readers, for SECONDS (60) in all; bench: the table of the README"
	@echo "wheelhouse  an offline bundle in wheelhouse/; package: wheel and sdist in dist/; clean: remove all of it"
	@echo
	@echo "On Linux the default index gives torch with CUDA, several GB. For a CPU build set PIP_FIND_LINKS or"
	@echo "PIP_EXTRA_INDEX_URL to a place that has one, or name it: make test TORCH=path/to/torch.whl"

$(VENV)/.made $(QUICK)/.made:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(@D)
	touch $@

$(CORE): $(VENV)/.made pyproject.toml constraints/test.txt
	@echo "installing the core: about 60 MB to download"
	$(BIN)/pip install -q -c constraints/test.txt -e .
	touch $@

$(MODAC): $(CORE)
	@echo "installing what talks to MoDaC and its stand-in: 2 MB to download"
	$(BIN)/pip install -q -c constraints/test.txt -e '.[modac]'
	touch $@

# The wheels are fetched first and stay, so that they can be measured.
$(QUICK)/.quick: $(QUICK)/.made pyproject.toml constraints/test.txt
	@echo "installing what the quick tests need: about 45 MB to download"
	rm -rf $(QUICK)/wheels
	$(QUICK)/bin/pip download -q -c constraints/test.txt -d $(QUICK)/wheels '.[quick]'
	$(QUICK)/bin/pip install -q --no-index --find-links $(QUICK)/wheels -e '.[quick]'
	touch $@

$(TEST): $(CORE)
	@echo "installing the frameworks for the tests (torch, TensorFlow, JAX, …): about 1.3 GB to download, 5 GB on disk"
	$(BIN)/pip install -q -c constraints/test.txt '$(TORCH)'
	$(BIN)/pip install -q -c constraints/test.txt -e '.[test]'
	$(BIN)/pip install -q -c constraints/test.txt --no-deps roc-validator  # it asks for a rich older than import-linter takes, and works with newer ones
	$(BIN)/pip install -q -c constraints/test.txt --no-deps cffconvert  # it asks for a jsonschema older than datacite takes, and works with newer ones
	touch $@

$(DEV): $(CORE)
	@echo "installing the developers' tools: about 60 MB to download"
	$(BIN)/pip install -q -c constraints/test.txt -e '.[dev]' pytest hypothesis
	touch $@

demo: $(CORE)
	$(BIN)/python -m tools.demo

demo-training: $(CORE)
	$(BIN)/pip install -q -c constraints/test.txt '$(TORCH)'
	$(BIN)/python -m tools.demo_training

demo-modac: $(MODAC)
	$(BIN)/python -m tools.demo_modac

quick: $(QUICK)/.quick
	$(QUICK)/bin/python -m tools.quick -n $(JOBS) --dist worksteal

test: $(TEST) $(DEV)
	$(BIN)/python -m tools.fetch_corpus
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations=20

foreign: $(CORE)
	$(BIN)/python -m tools.foreign

corpus: $(TEST)
	@echo "fetching 740 MB of packages, once"
	$(BIN)/python -m tools.fetch_corpus --all
	$(BIN)/python -m tools.corpus_table

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TEST) $(DEV)
	$(BIN)/mypy -p candle_spec -p tools -p benchmarks

layers: $(DEV)
	$(BIN)/lint-imports
	$(BIN)/python -m tools.house --check

docs: $(TEST) $(DEV)
	$(BIN)/python -m pytest tests/docs

regen: $(DEV)
	$(BIN)/python -m tools.regen

regen-check: $(DEV)
	$(BIN)/python -m tools.regen --check
	$(BIN)/python -m tools.schema_diff --check

schema-diff: $(CORE)
	$(BIN)/python -m tools.schema_diff $(A) $(B)

fuzz: $(TEST) $(DEV)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60)

bench: $(TEST)
	$(BIN)/pip install -q -c constraints/test.txt -e '.[bench]'
	$(BIN)/python -m benchmarks

wheelhouse: $(DEV)
	@echo "collecting the wheels of the core and of all it needs: about 60 MB to download"
	$(BIN)/python -m tools.wheelhouse

package: $(DEV)
	$(BIN)/python -m build --outdir dist .

clean:
	rm -rf build dist wheelhouse *.egg-info $(VENV) $(QUICK)

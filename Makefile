# What the README, continuous integration and developers run. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PYTEST_WORKERS ?= 3

.PHONY: help venv demo example test test-fast coverage acceptance check audit bundle bundle-lock wheel bench bench-quick clean diagrams

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[local]'
	@touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(VENV)/.demo $@

# ministack pins an older botocore than scar is tested with: it gets an environment of its own.
$(VENV)/.ministack: tests/conformance/ministack.txt $(VENV)/.dev
	$(PYTHON) -m venv $(VENV)/ministack
	$(VENV)/ministack/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

venv: $(VENV)/.dev $(VENV)/.ministack ## a virtual environment with everything for development

bundle: $(VENV)/.demo ## the supervisor with its own Python, from locked Debian packages, without root
	$(BIN)/python -m supervisor.bundle $(if $(ARCH),--architecture $(ARCH)) $(if $(RELOCK),--relock)

bundle-lock: $(VENV)/.demo ## lock the Debian packages' versions that the mirror offers now
	$(BIN)/python -m supervisor.bundle --lock

wheel: $(VENV)/.dev bundle ## dist/: wheel and source distribution, both bundles inside
	rm -rf dist
	$(BIN)/python -m hatchling build --directory dist

# The demo's image is for x86_64, so its functions need that bundle only.
demo: $(VENV)/.demo ## the whole job on this machine, no account needed
	$(BIN)/python -m supervisor.bundle --architecture amd64
	$(BIN)/python -m scar.image.demo examples/earthquakes/image.tar
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/earthquakes/demo.sh .demo

# The examples' functions are for x86_64, too.
example: $(VENV)/.demo ## an example, checked, on this machine: NAME=images; examples/README.md lists them
	$(BIN)/python -m supervisor.bundle --architecture amd64
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m examples.runner $(or $(NAME),--help) $(if $(TOOL),--tool $(TOOL))

# A file's tests share servers and images: a worker gets whole files, in the order of tests/conftest.py.
WORKERS = -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/.dev $(VENV)/.ministack bundle ## all tests, those of containers if there is an engine; T=path, or any options of pytest
ifdef T
	$(BIN)/python -m pytest --durations=10 $(T)
else
	@# Coverage of the unit tests only: measuring doubles the CPU time of the others.
	status=0; $(BIN)/python -m pytest --durations=10 $(WORKERS) --cost --cov --cov-report=term tests/unit || status=$$?; \
	$(BIN)/python -m pytest --durations=10 $(WORKERS) --cost tests --ignore=tests/unit && exit $$status
endif

coverage: $(VENV)/.dev $(VENV)/.ministack bundle ## the lines and branches that all tests reach, or those of T=path
	$(BIN)/python -m pytest $(WORKERS) --cov --cov-report=term $(T)

test-fast: $(VENV)/.dev ## the unit tests, in less than a minute: no network, no emulated cloud
	$(BIN)/python -m pytest --durations=10 $(WORKERS) tests/unit

# The runner alone may react to Ctrl-C: it cleans up, which takes minutes.
acceptance: $(VENV)/.dev bundle ## the acceptance steps in an AWS account (costs money: ACCEPT_COSTS=1), or TARGET=local; OPTIONS=…
	@exec $(BIN)/python -m tests.acceptance.kit.runner --acceptance-target $(or $(TARGET),aws) $(OPTIONS)

# Patterns of real credentials only: digests and names of variables look like secrets, and so do
# the letters of genomes (*.fa). AKIALOCAL… are the key ids of the local cloud.
SECRETS = $(BIN)/detect-secrets-hook --exclude-secrets ^AKIALOCAL $(foreach plugin, \
	Base64HighEntropyString HexHighEntropyString KeywordDetector, --disable-plugin $(plugin))

check: $(VENV)/.dev ## format, lint, types, import contracts, insecure code, committed secrets
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive scar supervisor
	git ls-files -z ':!:*.fa' | xargs -0 $(SECRETS)

audit: $(VENV)/.dev ## known vulnerabilities of the installed packages, if the database can be reached
	$(BIN)/python -m tests.audit

diagrams: $(VENV)/.dev ## the diagrams of docs/architecture.md, from the import contracts
	$(BIN)/python -m tests.structure --diagrams

# The tools that scar is compared with are installed in $(VENV)/peers: bench/peers has their versions.
# The functions of the benchmarks are this machine's, the demo's are for x86_64.
BENCH_BUNDLES = $(if $(filter x86_64,$(shell uname -m)),--architecture amd64)

bench: $(VENV)/.dev ## every figure next to other tools', in bench/RESULTS.md (an hour); ROWS="put-small logs" prints some
	$(BIN)/python -m supervisor.bundle $(BENCH_BUNDLES)
	$(BIN)/python -m bench.all $(if $(ROWS),$(ROWS),-o bench/RESULTS.md)

bench-quick: $(VENV)/.dev ## the same in five minutes: smaller sizes, fewer rounds, printed only
	$(BIN)/python -m supervisor.bundle $(BENCH_BUNDLES)
	$(BIN)/python -m bench.all --quick $(ROWS)

clean: ## what this Makefile made
	rm -rf $(VENV) .demo .examples dist supervisor/bundle/dist examples/*/image.tar

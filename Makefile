# Every task is a target here. `make demo` and `make test` need Python 3.11 or newer, Node.js 20 or
# newer, git and make; the rest of what they need they set up in .venv and node_modules folders.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WEB_STAMP := web/node_modules/.installed
E2E_STAMP := tests/e2e/node/node_modules/.package-lock.json
SHOP_STAMP := examples/shop/node/node_modules/.package-lock.json
STATIC := src/tracepulse/static/index.html
SDK_JS_STAMP := sdk/js/node_modules/.package-lock.json
SDK_JS := sdk/js/dist/cjs/node/all.js
PROGRAMS := tests/e2e tests/faults

.PHONY: help demo test check lint types imports unit setup web docs system-deps constraints test-faults test-shop test-power-cuts test-sdk rules test-hostile test-integration peers bench clean test-followers test-programs test-rest test-js test-page

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) $(STATIC) $(E2E_STAMP) $(SHOP_STAMP) $(SDK_JS)  ## set up .venv, the page, the Node parts and the SDK in JavaScript

$(STAMP): pyproject.toml constraints.txt sdk/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=/path/to/python3.11")'
	@echo "Setting up .venv (a few minutes the first time: the storage engine is 150 MB)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,demo,bench]' -e sdk/python
	@echo "Compiling kernels…"
	@$(BIN)/python -m tracepulse.derive.warm_up
	@$(BIN)/python -m tracepulse.store.warm_up
	@$(BIN)/python -m tracepulse.receive.line_warm_up
	@touch $@

constraints:  ## choose the newest versions that fit, and write them down
	@rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	@build/constraints/bin/python -m pip install --quiet --upgrade pip
	@build/constraints/bin/python -m pip install --quiet -e '.[dev,demo,bench]' -e sdk/python
	@{ head -1 constraints.txt; build/constraints/bin/pip freeze --exclude-editable; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt

$(STATIC): $(shell find web/src web/public web/index.html web/package.json web/package-lock.json web/tsconfig.json web/vite.config.ts -type f 2>/dev/null)
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is needed to build the page." >&2; exit 1; }
	@echo "Building the page…"
	@cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build

$(E2E_STAMP): tests/e2e/node/package-lock.json
	@cd tests/e2e/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(SHOP_STAMP): examples/shop/node/package-lock.json $(SDK_JS)
	@echo "Installing the shop's Node packages…"
	@cd examples/shop/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(SDK_JS_STAMP): sdk/js/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is needed to build the SDK." >&2; exit 1; }
	@cd sdk/js && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(SDK_JS): $(SDK_JS_STAMP) $(shell find sdk/js/src sdk/js/tools sdk/js/package.json sdk/js/tsconfig.json sdk/js/tsconfig.build.json src/tracepulse/redaction/rules.json -type f 2>/dev/null)
	@echo "Building the SDK for Node and pages…"
	@cd sdk/js && npm run --silent build

web: $(STATIC)  ## build the page

demo: setup  ## a shop, healthy for a minute and then broken, watched by the server (ONCE=1 ends after the bundle)
	@$(BIN)/python -m examples.demo $(if $(ONCE),--once)

test: setup check unit  ## everything that CI runs but the system packages

check: lint types imports

lint:
	@$(BIN)/ruff format --check -q . && $(BIN)/ruff check -q .

types: $(SDK_JS_STAMP)
	@$(BIN)/mypy --no-error-summary
	@cd sdk/js && npm run --silent check

imports:
	@mkdir -p build; $(BIN)/lint-imports --no-cache >build/imports.txt 2>&1 || { cat build/imports.txt; exit 1; }

# Half of the tests wait for programs that they start, the other half compute: side by side they take
# little longer than the longer half. Each half is told in one piece where make can do that.
unit: $(SDK_JS) $(E2E_STAMP) $(SHOP_STAMP) $(STATIC)
	@echo "Testing, in $(or $(TEST_JOBS),2) processes; each tells its results when it ends…"
	@$(MAKE) --no-print-directory -k -j $(or $(TEST_JOBS),2) $(if $(filter output-sync,$(.FEATURES)),-Otarget) test-programs test-rest test-js

test-programs: $(E2E_STAMP) $(SHOP_STAMP) $(STATIC)  ## the tests that start servers, browsers and the demo shop
	@$(BIN)/python -m pytest -q -m 'not slow' -o cache_dir=build/cache-programs $(PROGRAMS)

test-rest:  ## all other tests in Python
	@$(BIN)/python -m pytest -q -m 'not slow' $(foreach each,tests/integration $(PROGRAMS),--ignore=$(each))

test-js:
	@cd web && npm test --silent
	@cd sdk/js && npm test --silent

system-deps:  ## Debian packages that some tests need (browser, PostgreSQL); asks for root
	@tools/system-deps

docs:  ## write the generated pages of docs/reference anew
	@$(BIN)/python -m tools.docs
	@$(BIN)/python docs/explanation/draw_blocking_paths.py

test-faults:  ## 200 kills, damaged files, full and failing disks, jumping clocks, bursts (20 minutes; KILLS=n)
	@TRACEPULSE_PROGRESS=1 TRACEPULSE_KILLS=$(or $(KILLS),200) $(BIN)/python -m pytest -q -s -p no:randomly tests/faults -m 'slow or not slow' --ignore=tests/faults/test_power_cut.py

test-followers:  ## followers of Loki and of files, each killed 20 times while their source is written to (KILLS=n)
	@TRACEPULSE_FOLLOWER_KILLS=$(or $(KILLS),20) $(BIN)/python -m pytest -q tests/faults/test_kill_connectors.py -m slow

test-power-cuts:  ## 50 power cuts under a server, on a file system of its own (needs root; CUTS=n)
	@TRACEPULSE_PROGRESS=1 TRACEPULSE_CUTS=$(or $(CUTS),50) $(BIN)/python -m pytest -q -s -rs tests/faults/test_power_cut.py -m slow

test-sdk: $(SDK_JS)  ## the SDKs' tests in their long form, Python's under every Python from 3.9 on that pyenv has
	@$(BIN)/python -m pytest -q sdk/python/tests -m 'slow or not slow'
	@cd sdk/js && npm run --silent test:long
	@$(BIN)/python -m pytest -q tests/e2e/test_sdk_browser*.py tests/e2e/test_browser_phases.py -m 'slow or not slow'
	@tools/sdk-pythons

rules:  ## copy the redaction rules to the SDKs
	@cp src/tracepulse/redaction/rules.json sdk/python/src/debugqueue/rules.json
	@cp src/tracepulse/redaction/rules.json sdk/js/src/core/rules.json

test-shop:  ## everything that can be done to the demo shop, and `tracepulse run`, in full
	@$(BIN)/python -m pytest -q tests/cli/test_cli_run.py tests/e2e/test_shop.py tests/e2e/test_shop_faults.py tests/e2e/test_shop_page.py -m 'slow or not slow'

test-page:  ## the page's views in every width and theme
	@$(BIN)/python -m pytest -q tests/e2e/test_page.py -m 'slow or not slow'

test-hostile:  ## a million mutated requests, bombs, and loops with each access to memory checked
	@$(BIN)/python -m pytest -q tests/receive/test_hostile_requests.py -m 'slow or not slow'
	@kept=$$(mktemp -d) && trap 'rm -r "$$kept"' EXIT && NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$$kept TRACEPULSE_EXAMPLES=1000 $(BIN)/python -m pytest -q tests/receive/test_compiled_loops.py

peers:  ## get real senders and servers to test against (Go, Java 21, npm, apt-get; an hour of one core; PEERS='loki debian' for some)
	@tools/peers/get $(PEERS)

test-integration:  ## real senders and servers; those that `make peers` has not got are skipped, and said
	@$(BIN)/python -m pytest -q -rs tests/integration

bench:  ## every benchmark, in short
	@for each in admission ingest receivers query mixed blocking_path sdk_overhead; do $(BIN)/python benchmarks/$$each.py --quick || exit 1; done

clean:
	rm -rf build dist src/tracepulse/static

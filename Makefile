# `make demo` and `make test` need only Python 3.11 (or newer) and make.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test coverage torture fuzz slow soak lint types imports check lock clean autobahn browser bench-http bench-websocket bench-rooms bench-files bench-tasks bench-store

demo: $(STAMP)
	@$(BIN)/python -m actionhero demo || [ $$? -eq 130 ]

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

# The tests again, a third slower, and which lines they do not run.
coverage: $(STAMP)
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist worksteal $(PYTEST_ARGS)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

check: lint types imports test

# Kills servers, producers and the store at random, and judges by files alone what that lost or
# doubled. SEED=N repeats a run; APPENDFSYNC=everysec tells the store to write its file so.
SECONDS ?= 300
torture: $(STAMP)
	$(BIN)/python -m tests.torture --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) \
		$(if $(APPENDFSYNC),--appendfsync $(APPENDFSYNC))

# Fuzzes the parsers by atheris, which has wheels for Linux; SECONDS in all, TARGET=NAME for one.
fuzz: SECONDS := $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),600)
fuzz: $(STAMP)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'atheris>=3.0,<4'
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(if $(TARGET),--target $(TARGET))

# Attacks a real server by slowhttptest (Debian has it) with slow heads, bodies and readers.
slow: $(STAMP)
	$(BIN)/python -m tests.slow

# Mixed load over all transports; memory, descriptors and the store must be as before.
soak: SECONDS := $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),600)
soak: $(STAMP)
	$(BIN)/python -m tests.soak --seconds $(SECONDS)

bench-http bench-websocket bench-rooms bench-files bench-store: bench-%: $(STAMP)
	$(BIN)/python -m benchmarks.$*

bench-tasks: $(STAMP)
	$(BIN)/python -m benchmarks.tasks
	$(BIN)/python -m benchmarks.tasks_side_by_side

# The pages and the client of browsers in a real Chromium, the distribution's own.
browser: $(STAMP)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'playwright>=1.50'
	$(BIN)/python -m pytest $(PYTEST_ARGS) tests/clients

# WebSocket by Autobahn's test suite, which needs Python 2.7 and takes half an hour.
autobahn: $(STAMP)
	$(BIN)/python -m conformance.autobahn

# Locks the newest versions that pyproject.toml allows, for every Python and platform it names.
lock: $(STAMP)
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate \
		--group dev --python-version 3.11 --custom-compile-command "make lock" \
		pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

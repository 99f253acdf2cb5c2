# `make demo` and `make test` do all their set-up themselves; see README.md.
PYTHON ?= $(firstword $(foreach p,python3.11 python3.13 python3,$(if $(shell $(p) -c 'print(1)' 2>/dev/null),$(p))))
BIN := .venv/bin
# onnxruntime would send events to its maker.
export ORT_DISABLE_TELEMETRY = 1

.PHONY: demo test coverage test-versions test-packages test-training test-native fuzz test-kills test-endurance test-gui test-farms lint package bench docs pages check-links test-docs clean set-up

demo: set-up
	$(BIN)/gaussian-heads animate assets/audio/sample.flac --out out/demo.mp4 --size 512 512 --save-blend out/demo.blend

test: set-up
	$(BIN)/python -m pytest

# The same, and how many lines of core, blender, operators and panels they run: fewer than 90 % are a failure.
coverage: set-up
	rm -rf build/coverage
	mkdir -p build/coverage
	$(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report

# The Blender tests in every other supported bpy wheel; a Python that is missing is said and passed over.
test-versions:
	.ci/test_versions

# Install, upgrade and removal of the packages in every supported bpy wheel, each in an environment with nothing
# else, and in the Blender that BLENDER names.
test-packages: set-up
	.ci/test_packages

# All commands and code of the pages, those too that start processes and take minutes; `make test` runs the quick ones.
test-docs: set-up
	GAUSSIAN_HEADS_ALL_COMMANDS=1 $(BIN)/python -m pytest tests/docs tests/blender/test_documents.py tests/blender/test_scripting.py

# The tests that need torch, in an environment of their own.
test-training:
	@$(PYTHON) .ci/set_up.py --venv .venv-training --extras development,training
	.venv-training/bin/python -m pytest tests/training tests/bench tests/docs/test_commands.py

# Sanitizers and fuzzing of the C rasteriser.
test-native:
	native/sanitize.sh

# Files and words of strangers, searched for long: every reader led by coverage (FUZZ_SECONDS each, findings in
# out/fuzz/), the worst files against the bounds of docs/THREATS.md, then twenty times the inputs of tests/fuzz.
FUZZ_SECONDS ?= 60
fuzz:
	@$(PYTHON) .ci/set_up.py --venv .venv-fuzz --extras development,fuzz
	.venv-fuzz/bin/python -m tests.fuzz.coverage_guided --seconds $(FUZZ_SECONDS)
	.venv-fuzz/bin/python -m tests.fuzz.bombs
	GAUSSIAN_HEADS_FUZZ_TIMES=20 .venv-fuzz/bin/python -m pytest tests/fuzz

# Every command killed 50 times (KILLS) at steps of writing and at times drawn with a seed, and what the next run
# makes of it; a line of JSON for each. About an hour.
KILLS ?= 50
test-kills:
	@$(PYTHON) .ci/set_up.py --venv .venv-training --extras development,training
	GAUSSIAN_HEADS_KILLS=$(KILLS) .venv-training/bin/python -m pytest -s tests/blender/endurance/test_kills.py

# 10,000 frames, an hour of sound, 20 heads, full disks: figures as lines of JSON. Some minutes; as root all of it.
test-endurance: set-up
	GAUSSIAN_HEADS_ENDURANCE=1 $(BIN)/python -m pytest -s tests/blender/endurance

# A real Blender with a window, driven as a user would: BLENDER=/path/to/one (with Xvfb and ImageMagick beside
# it), or one from Debian that is set up in GUI_FOLDER, which takes root. The pictures and the frame rate
# (playback.json) lie in out/gui/ afterwards; GAUSSIAN_HEADS_PICTURES=write keeps them as the walk-through's, and
# GAUSSIAN_HEADS_GUI_PATIENCE_SEC=300 waits longer for a window on a busy computer.
GUI_FOLDER ?= $(CURDIR)/build/window
GUI_TESTS := tests/gui tests/packages/test_life.py::test_life_in_a_real_blender
test-gui: set-up
ifdef BLENDER
	BLENDER=$(BLENDER) $(BIN)/python -m pytest $(GUI_TESTS) -v -rs
else
	tests/gui/set_up.sh $(GUI_FOLDER)
	BLENDER=blender BLENDER_ROOT=$(GUI_FOLDER) $(BIN)/python -m pytest $(GUI_TESTS) -v -rs
endif

# Farms for real: sessions of OpenJD, Flamenco's tasks (needs node), a Ray cluster that loses a machine; minutes.
test-farms:
	@$(PYTHON) .ci/set_up.py --venv .venv-farms --extras development,farms
	.venv-farms/bin/python -m pytest tests/farms

lint: set-up
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The extension zips, one a platform, into dist/.
package: set-up
	$(BIN)/python wheels/fetch.py
	$(BIN)/python wheels/package.py

# Every figure of docs/BENCHMARKS.md that needs no data folder; a few minutes.
bench:
	@$(PYTHON) .ci/set_up.py --venv .venv-training --extras development,training
	.venv-training/bin/python bench/render.py
	.venv-training/bin/python bench/engine.py
	.venv-training/bin/gaussian-heads bench --json

# The pages alone, in seconds.
pages: .venv-docs/ready
	.venv-docs/bin/sphinx-build -t pages -W --keep-going -q -b html -c docs . build/pages

# The site of all pages with the reference, into build/docs: a dead link or a bad docstring is a failure.
docs: .venv-docs/ready
	.venv-docs/bin/sphinx-build -j auto -W --keep-going -q -b html -c docs . build/docs

# Asks the servers of links that lead outside: needs the network, and they may be down.
check-links: .venv-docs/ready
	.venv-docs/bin/sphinx-build -q -t pages -b linkcheck -c docs . build/links

.venv-docs/ready: docs/requirements.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check -r docs/requirements.txt
	touch $@

set-up:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.13 is needed: sudo apt-get install -y python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) .ci/set_up.py

clean:
	rm -rf .venv .venv-* build dist out

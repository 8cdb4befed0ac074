# Two commands: `make demo` (watch it work) and `make test` (see the tests pass). Both install what
# they need into .venv first, and take what is already there. `make help` lists the rest.
# `make test DICE=no` leaves out PyTorch (and its gigabytes of GPU libraries) with the tests of DICE;
# `VIEW=no` leaves out Open3D with the tests of the window.
#
# How the pieces are laid: ROS 2 comes as wheels into .venv; CMake builds our messages into it; the
# Python package itself stays in this folder, which a .pth file puts on the path, so that an edit
# takes effect at once. dice_ros/__init__.py makes one package of the two halves.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BUILD := build/messages
OUT ?= demo
ROS ?= kilted
DICE ?= yes
VIEW ?= yes
# Tests run side by side; most need one core.
JOBS ?= 2
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stamp
LOCKS := requirements/runtime.txt requirements/build.txt requirements/ros-$(ROS).txt
MESSAGES := CMakeLists.txt package.xml dice_ros/__init__.py $(wildcard msg/*.msg)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The fits solve many small systems: BLAS threads only slow them down.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
# Without a home folder everything is kept here.
export HOME ?= $(CURDIR)/build/home

.PHONY: help demo test lint messages assets install dice view clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: assets  ## install everything, run the node on a rendered clip, show what it found
	@$(VENV)/bin/dice-ros demo --out "$(OUT)"

test: assets $(STAMP)-test  ## install everything, then lint, type check and run all tests
	@$(MAKE) lint
	# The window is drawn by all cores: its tests run alone.
	$(PY) -m pytest -n $(JOBS) --dist loadfile --ignore=test/viewer/test_window.py
	$(PY) -m pytest test/viewer/test_window.py || [ $$? = 5 ]  # 5: it skipped itself

lint: $(STAMP)-test  ## format check, lint, type check
	@$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

assets: install  ## fetch the open networks and geometry (once)
	@$(VENV)/bin/dice-ros assets

install: $(STAMP)-package  ## .venv with ROS 2, the messages and the commands

dice: assets $(STAMP)-dice  ## what the estimator dice needs besides (PyTorch), into .venv

view: assets $(STAMP)-view  ## what `dice-ros view` needs besides (Open3D), into .venv

messages: $(STAMP)-messages  ## build the messages into .venv

clean:  ## remove everything made here; what is cached for the user stays
	rm -rf $(VENV) build install log "$(OUT)"

$(STAMP)-venv:
	@bash cmake/make_venv.sh $(VENV)
	touch $@

$(STAMP)-locks: $(STAMP)-venv $(LOCKS)
	@start=$$SECONDS
	echo "installing ROS 2 $(ROS) and libraries into $(VENV) ..."
	$(PY) -m pip install --quiet $$(grep -E "^(setuptools|wheel)==" requirements/build.txt)
	$(PY) -m pip install --quiet $(addprefix -r ,$(LOCKS))
	echo "  done in $$((SECONDS - start)) s"
	touch $@

EXTRAS := $(if $(filter yes,$(DICE)),$(STAMP)-dice) $(if $(filter yes,$(VIEW)),$(STAMP)-view)

$(STAMP)-test: $(STAMP)-locks requirements/test.txt $(EXTRAS)
	@echo "installing test tools ..."
	$(PY) -m pip install --quiet -r requirements/test.txt
	touch $@

$(STAMP)-dice: $(STAMP)-locks requirements/dice.txt requirements/engines.txt
	@start=$$SECONDS
	echo "installing PyTorch, engines and what else the estimator dice needs ..."
	$(PY) -m pip install --quiet -r requirements/dice.txt -r requirements/engines.txt
	echo "  done in $$((SECONDS - start)) s"
	touch $@

$(STAMP)-view: $(STAMP)-locks requirements/view.txt
	@start=$$SECONDS
	echo "installing Open3D for dice-ros view ..."
	$(PY) -m pip install --quiet --no-deps -r requirements/view.txt
	echo "  done in $$((SECONDS - start)) s"
	touch $@

# CMake refuses imported targets with folders inside the source folder, and .venv is inside this
# one: the messages are built from a copy.
$(STAMP)-messages: $(STAMP)-locks $(MESSAGES)
	@start=$$SECONDS
	echo "building messages ..."
	bash cmake/build_messages.sh "$(CURDIR)" "$(CURDIR)/$(BUILD)" "$(CURDIR)/$(VENV)"
	echo "  done in $$((SECONDS - start)) s"
	touch $@

$(STAMP)-package: $(STAMP)-messages scripts/dice-ros scripts/dice_node
	@echo "$(CURDIR)" > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dice_ros_source.pth"
	for name in dice-ros dice_node; do
	  { echo '#!/bin/sh'; echo "exec \"$(CURDIR)/$(PY)\" \"$(CURDIR)/scripts/$$name\" \"\$$@\""; } > "$(VENV)/bin/$$name"
	  chmod +x "$(VENV)/bin/$$name"
	done
	ln -sf dice_node "$(VENV)/bin/dice-node"
	touch $@

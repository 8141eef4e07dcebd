# `make` alone prints the targets. Python 3.11 to 3.13 and make are all that a fresh machine needs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
PYTHON ?= python3
VENV := $(ROOT)/.venv
BIN := $(VENV)/bin
DATA ?= $(ROOT)/../shared/data/sports7
WEIGHTS ?= $(wildcard $(ROOT)/../shared/weights/inception_v3_notop.weights.h5)
CONFIG ?= sports7
OUTLIERS ?= $(if $(filter sports7,$(CONFIG)),$(wildcard $(ROOT)/../shared/data/sports100))
FOREIGN ?= $(if $(filter sports7,$(CONFIG)),$(wildcard $(ROOT)/../shared/data/foreign))
ADDRESS := $(foreach name,HOST PORT MODEL_PORT MODEL_REST_PORT,$(if $($(name)),$(name)=$($(name))))

.DEFAULT_GOAL := help
# docs is a folder too.
.PHONY: help run test lint lint-openapi format docs train bench bench-precision bench-pixels images-check lock clean

help: ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

# A list is installed once: its mark is newer than the list, or nothing is done and no network is needed.
$(VENV)/.%: $(ROOT)/requirements/%.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11 to 3.13 is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Say which: make PYTHON=python3.12" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

# Clients that tests drive bring a protobuf of their own: they lie beside the environment, not in it.
$(VENV)/.clients: $(ROOT)/requirements/clients.txt $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/clients -r $<
	@touch $@

# So do the frameworks that the service is measured against: .venv/rivals/NAME goes before the environment.
$(VENV)/.rival-%: $(ROOT)/requirements/rivals/%.txt $(VENV)/.trainer
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/rivals/$* -r $<
	@touch $@

run: $(VENV)/.run ## start the model server and the gateway (HOST=, PORT=, MODEL_PORT=, MODEL_REST_PORT= move them)
	@cd $(ROOT) && exec env $(ADDRESS) $(BIN)/python run.py

test: $(VENV)/.dev $(VENV)/.clients ## run every test
	@cd $(ROOT) && $(BIN)/python -m tests

images-check: $(VENV)/.dev ## replay the Dockerfiles with buildah in a chroot (Linux, root)
	@cd $(ROOT) && $(BIN)/python -m tests.images_check

lint: $(VENV)/.dev ## check format, style and types
	@cd $(ROOT) && $(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

lint-openapi: $(VENV)/.dev ## lint /openapi.json with Redocly's linter (needs Node.js and its registry)
	@cd $(ROOT) && document=$$(mktemp -d)/openapi.json && $(BIN)/python -m gateway.openapi > $$document && \
	  REDOCLY_TELEMETRY=off npx --yes @redocly/cli@2.77.0 lint $$document --config docs/openapi-lint.yaml

format: $(VENV)/.dev ## format the code
	@cd $(ROOT) && $(BIN)/ruff format . && $(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## fill in what README and docs take from the code
	@cd $(ROOT) && $(BIN)/python -m docs.build

# What both commands that measure need; FOREIGN may be empty.
MEASURE = $(CONFIG) --data $(DATA) --models $(or $(MODELS),model) $(if $(FOREIGN),--foreign $(FOREIGN))
train: $(VENV)/.trainer ## train CONFIG=sports7 on DATA= (OUTLIERS=, FOREIGN=) from WEIGHTS=, export it and measure it (under two hours)
	@cd $(ROOT) && $(BIN)/python -m trainer train $(CONFIG) --data $(DATA) $(if $(WEIGHTS),--weights $(WEIGHTS)) \
	  $(if $(OUTLIERS),--outliers $(OUTLIERS)) $(if $(FOREIGN),--foreign $(FOREIGN))
	@$(if $(FOREIGN),cd $(ROOT) && $(BIN)/python -m trainer known $(CONFIG) --data $(DATA) --foreign $(FOREIGN))
	@cd $(ROOT) && $(BIN)/python -m trainer export $(MEASURE) --keras
	@cd $(ROOT) && $(BIN)/python -m trainer evaluate $(MEASURE) --explanation --record
	@cd $(ROOT) && $(BIN)/python -m trainer evaluate $(MEASURE) --precision bfloat16 --robustness --explanation --record \
	  || echo "bfloat16 isn't measured here; the model isn't served in it."
	@cd $(ROOT) && $(BIN)/python -m trainer quantize $(MEASURE)
	@$(if $(MODELS),,$(ROOT)/kube-config/copy-cards.sh)

RIVALS := $(patsubst $(ROOT)/requirements/rivals/%.txt,$(VENV)/.rival-%,$(wildcard $(ROOT)/requirements/rivals/*.txt))
bench: $(VENV)/.trainer $(RIVALS) ## measure the service: beside others, by precision, load and size (Linux, 25 minutes)
	@cd $(ROOT) && for what in service precision overload growth rivals history page; do $(BIN)/python -m bench.$$what || exit; done

bench-precision: $(VENV)/.trainer ## measure the model in TensorFlow, float32, bfloat16 and int8 (two minutes)
	@cd $(ROOT) && $(BIN)/python -m bench.precision

bench-pixels: $(VENV)/.trainer ## measure the candidates for the pixels' path on DATA= with WEIGHTS=
	@cd $(ROOT) && $(BIN)/python -m bench.pixels $(DATA) $(WEIGHTS)

# tensorflow-serving-api asks for `tensorflow`; tensorflow-cpu (on a Mac `tensorflow`) already gives what it uses, and
# the gateway needs neither. Without openvino-telemetry the converter runs the same and calls nobody.
COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url
lock: $(VENV)/.dev ## resolve pyproject.toml anew into requirements/*.txt
	@cd $(ROOT) && for list in dev trainer run; do \
	  $(COMPILE) --overrides requirements/overrides.in -c requirements/dev.txt --group $$list -o requirements/$$list.txt; done
	@cd $(ROOT) && for list in embedded gateway; do \
	  $(COMPILE) --overrides requirements/overrides-no-tensorflow.in -c requirements/dev.txt --group $$list -o requirements/$$list.txt; done
	@cd $(ROOT) && sed -i.bak "/'never'/d" requirements/*.txt && rm requirements/*.bak
# A rival takes the environment's versions, except of what its .in names, and lists what the environment hasn't got.
	@cd $(ROOT)/requirements && for list in rivals/*.in; do \
	  grep -vE "^($$(sed 's/[^a-z-].*//' $$list | paste -sd'|' -))==" trainer.txt | $(COMPILE) -c - $$list | \
	  grep -vxFf trainer.txt > $${list%.in}.txt; done

clean: ## remove the virtual environment
	@rm -rf $(VENV)

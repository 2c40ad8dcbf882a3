# Two commands matter: `make quickstart` and `make test`; each sets up what it needs.
PYTHON ?= python3
VENV := .venv
CARD := .venv-card
JAX := .venv-jax
RUN := $(VENV)/bin

help:  ## these lines
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.done  ## makes .venv with the locked versions

$(VENV)/.done: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install -q --upgrade pip
	$(RUN)/python -m pip install -q -c constraints.txt -e '.[edge,test]'
	touch $@

quickstart: install  ## fine-tunes, exports and runs two small models, offline; writes quickstart/report.html
	$(RUN)/kbs-quickstart --output=quickstart

test: install  ## the tests, without the slow ones, on all cores
	$(RUN)/python -m pytest -q -n auto --dist=worksteal

test-all: install  ## all tests
	$(RUN)/python -m pytest -q -n auto --dist=worksteal -m "slow or not slow"

test-card: $(CARD)/.done  ## tests beside tf-models-official and tflite-support (Python 3.11, libusb-1.0-0)
	$(CARD)/bin/python -m pytest -q tests/card tests/encoders tests/checkpoints/test_keras_nlp.py

$(CARD)/.done: constraints-card.txt setup.cfg
	python3.11 -m venv $(CARD)
	$(CARD)/bin/python -m pip install -q --upgrade pip
	$(CARD)/bin/python -m pip install -q -c constraints-card.txt tf-models-official tflite-support pytest
	$(CARD)/bin/python -m pip install -q -c constraints-card.txt -e '.[edge]'
	touch $@

test-jax: $(JAX)/.done  ## layers to distillation, and pre-training, on JAX, in an environment without TensorFlow
	KERAS_BACKEND=jax $(JAX)/bin/python -m pytest -q tests/checkpoints/test_reference.py tests/encoders/test_early_exit.py tests/layers
	KERAS_BACKEND=jax $(JAX)/bin/python -m pytest -q tests/training/test_optimizers.py tests/training/test_schedules.py tests/objectives/test_objectives.py tests/objectives/test_permutation_lm.py tests/objectives/test_enhanced_masked_lm.py tests/objectives/test_replaced_token.py
	KERAS_BACKEND=jax $(JAX)/bin/python -m pytest -q tests/distillation/test_losses.py tests/distillation/test_golden.py
	KERAS_BACKEND=jax $(JAX)/bin/python -m pytest -q tests/objectives/test_jax_step.py tests/tools/test_pretrain_jax.py
	# In a process of its own: it computes in float64.
	KERAS_BACKEND=jax $(JAX)/bin/python -m pytest -q tests/tasks/test_losses.py

$(JAX)/.done: constraints.txt setup.cfg
	$(PYTHON) -m venv $(JAX)
	$(JAX)/bin/python -m pip install -q --upgrade pip
	$(JAX)/bin/python -m pip install -q -c constraints.txt absl-py h5py huggingface_hub jax keras pytest safetensors tokenizers tqdm
	$(JAX)/bin/python -m pip install -q --no-deps -e .
	touch $@

edge-web: edge/web/node_modules/.done  ## the runtime of edge/web, by npm

edge/web/node_modules/.done: edge/web/package.json edge/web/package-lock.json edge/conformance/unicode.json
	cd edge/web && npm ci --no-fund --no-audit
	touch $@

check: install  ## ruff, formatting not included
	$(RUN)/ruff check .

bench: install  ## fine-tuning side by side with transformers; see bench/README.md
	cat bench/README.md

.PHONY: help install quickstart test test-all test-card test-jax edge-web check bench

# persona_tf: type `make` for the list. Each target sets up .venv by itself.

# The first Python that is new enough; PYTHON=... names another.
PYTHON ?= $(or $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done),python3)
# Options of the command line; := so that variables of the shell (NAME, RUN ...) do not get in.
EXP :=
GIN :=
RUN :=
DATA_DIR :=
SPLITS :=
SEED :=
NAME :=
PARTNER :=
PLACE :=
PERSONA :=
CARD :=
RETRIEVER :=
MEMORY :=
OTHER :=
ENGINE :=
OFFENSIVE :=
HOST :=
PORT :=
SEEDS :=
WORKERS :=

BIN := .venv/bin
# Only a change of setup.cfg, which holds the dependencies, installs again.
STAMP := .venv/.installed-$(shell cksum setup.cfg | cut -d ' ' -f 1)
BENCH_STAMP := $(subst .installed,.bench,$(STAMP))
SLOW_STAMP := $(subst .installed,.slow,$(STAMP))
quoted = '$(subst ','\'',$(1))'
flag = $(if $(2), --$(1) $(call quoted,$(2)))
FLAGS = $(call flag,experiment,$(EXP))$(call flag,run,$(RUN))$(call flag,data_dir,$(DATA_DIR))$(foreach b,$(GIN), $(call quoted,--gin.$(b)))
CHAT_FLAGS = $(FLAGS)$(call flag,seed,$(SEED))$(call flag,name,$(NAME))$(call flag,partner,$(PARTNER))$(call flag,place,$(PLACE))$(call flag,persona,$(PERSONA))$(call flag,card,$(CARD))$(call flag,retriever,$(RETRIEVER))$(call flag,memory,$(MEMORY))$(call flag,engine,$(ENGINE))$(call flag,offensive,$(OFFENSIVE))
PERSONA_TF = $(BIN)/python -m persona_tf
EXPERIMENTS = $(notdir $(patsubst %/,%,$(dir $(wildcard experiments/*/config.gin))))
# The experiment whose name is most like EXP, if one is; any Python will do.
NEAR = $(shell $(PYTHON) -c 'import difflib, sys; print(*difflib.get_close_matches(sys.argv[1].lower(), sys.argv[2:], 1))' \
	$(call quoted,$(EXP)) $(EXPERIMENTS) 2>/dev/null)

.PHONY: help describe train eval chat serve telegram sweep board bench test test-slow lint format setup clean experiment
.NOTPARALLEL:
.DEFAULT_GOAL := help

help:
	@echo "make train EXP=quickstart   train a bot, then evaluate it on every split of the experiment   (WORKERS=)"
	@echo "make chat EXP=quickstart    talk to it          (SEED=, NAME=, PARTNER=, PLACE=, PERSONA=, CARD=, RETRIEVER=, MEMORY=, ENGINE=)"
	@echo "make serve EXP=quickstart   the same in the browser, and for programs   (OTHER=, RETRIEVER=, HOST=, PORT=, ENGINE=, OFFENSIVE=off|mark|block)"
	@echo "make telegram EXP=quickstart   the same on Telegram   (RETRIEVER=, NAME=, PLACE=, PERSONA=, CARD=, ENGINE=)"
	@echo "make eval EXP=quickstart    evaluate it again   (SPLITS=test,test_unseen)"
	@echo "make describe EXP=quickstart   draw its model, and count what it costs"
	@echo "make sweep EXP=quickstart   train it with several seeds, and more of them (EXP=a,b SEEDS=0,1,2)"
	@echo "make board                  TensorBoard on runs/"
	@echo "make bench                  speed of ours and of peers"
	@echo "make test                   the quick tests     (make test-slow: the others)"
	@echo "make lint                   ruff and mypy       (make format: let ruff mend it)"
	@echo "make clean                  remove .venv and caches; runs/ and data/ stay"
	@echo
	@echo "Experiments: $(EXPERIMENTS)"
	@echo 'Options: GIN="BATCH_TOKENS=4096 SEED=2"  RUN=folder of the run  DATA_DIR=folder of the data'
	@echo "Begin with: make train EXP=quickstart"

describe: experiment $(STAMP)
	@$(PERSONA_TF) describe$(FLAGS)

train: experiment $(STAMP)
	@$(PERSONA_TF) train$(FLAGS)$(call flag,workers,$(WORKERS))

eval: experiment $(STAMP)
	@$(PERSONA_TF) evaluate$(FLAGS)$(call flag,splits,$(SPLITS))

chat: experiment $(STAMP)
	@$(PERSONA_TF) chat$(CHAT_FLAGS)

serve: experiment $(STAMP)
	@$(PERSONA_TF) serve$(FLAGS)$(call flag,other,$(OTHER))$(call flag,retriever,$(RETRIEVER))$(call flag,host,$(HOST))$(call flag,port,$(PORT))$(call flag,engine,$(ENGINE))$(call flag,offensive,$(OFFENSIVE))

telegram: experiment $(STAMP)
	@$(PERSONA_TF) telegram$(FLAGS)$(call flag,retriever,$(RETRIEVER))$(call flag,name,$(NAME))$(call flag,place,$(PLACE))$(call flag,persona,$(PERSONA))$(call flag,card,$(CARD))$(call flag,engine,$(ENGINE))$(call flag,offensive,$(OFFENSIVE))

sweep: $(STAMP)
	@$(PERSONA_TF) sweep$(call flag,experiments,$(EXP))$(call flag,seeds,$(SEEDS))$(call flag,runs,$(RUN))$(call flag,data_dir,$(DATA_DIR))$(foreach b,$(GIN), $(call quoted,--gin.$(b)))

board: $(STAMP)
	@test -d runs || { echo "No runs yet. This makes one: make train EXP=quickstart" >&2; exit 2; }
	@echo "Starting TensorBoard on runs/; Ctrl-C stops it."
	@CUDA_VISIBLE_DEVICES= $(BIN)/tensorboard --logdir runs 2>&1 | grep --line-buffered "^TensorBoard\|^ERROR\|Error:"

bench: $(BENCH_STAMP)
	@echo "Some forty minutes on two cores; nothing else should run meanwhile."
	@$(PERSONA_TF) bench

test: $(STAMP)
	@echo "Running the quick tests (a few minutes on two cores) ..."
	@$(BIN)/python -m pytest -n 2 --dist loadfile
	@echo "All is well. Next: make train EXP=quickstart, or make chat EXP=quickstart where that is done."

test-slow: $(SLOW_STAMP)
	@echo "Running the slow tests (half an hour on two cores) ..."
	@$(BIN)/python -m pytest -m slow

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

experiment:
	@$(if $(RUN)$(wildcard experiments/$(EXP)/config.gin),,echo $(call quoted,No experiment '$(EXP)'$(if $(NEAR),; did you mean $(NEAR)?,.) \
	There are: $(EXPERIMENTS). Try: make $(firstword $(MAKECMDGOALS)) EXP=$(or $(NEAR),quickstart)) >&2; exit 2)

setup: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "persona_tf needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Install one (Debian, Ubuntu: sudo apt install python3.11 python3.11-venv), or name it: make ... PYTHON=/path/to/python3.11" >&2; \
	  exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) lacks its venv module. Debian, Ubuntu: sudo apt install python3-venv; then make again." >&2; \
	  exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf .venv; $(PYTHON) -m venv .venv; }
	@echo "Installing TensorFlow and friends into .venv (about 3 minutes, 3.1 GB) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[serve,telegram,filter,test,lint]' || { \
	  echo "The installation failed: see above. It needs the network and 3.1 GB of disk. The same make tries again." >&2; \
	  exit 2; }
	@rm -f .venv/.installed-* && touch $@

$(SLOW_STAMP): $(STAMP)
	@echo "Installing JAX and KerasHub (600 MB) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[jax,pretrained]' || { \
	  echo "The installation failed: see above. Without them: $(BIN)/python -m pytest -m slow" >&2; exit 2; }
	@rm -f .venv/.slow-* && touch $@

$(BENCH_STAMP): $(STAMP)
	@echo "Installing what the bench compares with: PyTorch for processors, transformers ... (2 minutes, 1.5 GB) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --extra-index-url https://download.pytorch.org/whl/cpu \
	  --editable '.[bench]' || { \
	  echo "The installation failed: see above. Without it: $(PERSONA_TF) bench training padding reply conversation" >&2; exit 2; }
	@rm -f .venv/.bench-* && touch $@

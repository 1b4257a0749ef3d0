.DEFAULT_GOAL := help
SHELL := /bin/bash

PY := .venv/project/bin/python
PROTOS := $(wildcard protos/recserve/v1/*.proto)

help: ## Print every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

build/protos.done: $(PROTOS)
	@mkdir -p build
	$(PY) -m grpc_tools.protoc -I protos --python_out=protos --grpc_python_out=protos --pyi_out=protos $(PROTOS)
	@touch $@

protos: build/protos.done ## Generate the Python stubs from the protos

.PHONY: help protos

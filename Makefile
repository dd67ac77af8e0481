# A target that a person may call has a `##` line; `make help` is the list.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup run up down dev test check fmt verify e2e bench images manifests
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
# uv may have been installed by `make setup` a moment ago, beside the checkout's other tools.
export PATH := $(CURDIR)/.headrace/bin:$(PATH)
GENERATED := crds docs/reference charts/headrace/files gateway/src/headrace_gateway/externalscaler*

##@ Every day
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install uv if it is missing, then all six members, as locked.
	@hack/setup

run: up ## The main job on a real cluster: apply the example, submit runs, watch 0 → N → 0, see the answers.
	uv run --no-sync hack/demo.py

dev: setup ## Run the example pipeline on this machine, without a cluster.
	uv run --no-sync headrace dev examples/research --input '{"topic": "rivers"}'

test: setup ## All that proves it: unit, integration, and the user stories where a cluster can be had.
	uv run --no-sync hack/test_all.py

check: setup ## Read-only checks: style, types, imports, unit tests.
	uv run --no-sync ruff check
	uv run --no-sync ruff format --check
	uv run --no-sync mypy
	uv run --no-sync lint-imports
	uv run --no-sync pytest tests/unit

fmt: setup ## Fix what can be fixed.
	uv run --no-sync ruff check --fix
	uv run --no-sync ruff format

##@ Before a pull request
manifests: setup ## Write what is generated: CRDs, reference pages, gRPC stubs.
	uv run --no-sync hack/render_crds.py
	uv run --no-sync hack/render_grpc.py

verify: manifests check ## Check, then prove that nothing generated has drifted.
	git diff --exit-code -- $(GENERATED)
	test -z "$$(git ls-files --others --exclude-standard -- $(GENERATED))"

##@ With a cluster
up: setup ## Bring up the kind cluster with KEDA and headrace; its kubeconfig is .devcluster/kubeconfig.
	uv run --no-sync hack/devcluster up
	uv run --no-sync hack/devcluster images
	uv run --no-sync hack/install.py

images: setup ## Build the images (operator, gateway, worker, tools) and load them into the cluster.
	uv run --no-sync hack/devcluster images

down: setup ## Take the cluster down without a trace.
	uv run --no-sync hack/devcluster down

e2e: up ## Run the user stories on the cluster.
	uv run --no-sync pytest tests/e2e

bench: setup ## Measure beside pinned peers and write docs/benchmarks.md; half an hour on a quiet machine.
	uv run --no-sync tests/bench/run.py

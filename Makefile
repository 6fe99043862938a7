# The pinned Node comes with the packages (package `node`); `npm run` puts it first on the PATH.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
INSTALLED := node_modules/.vextir-installed
RUN := npm run --silent

.PHONY: help
help: ## print every target
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(INSTALLED): package-lock.json package.json
	@echo "installing the pinned packages (about half a minute the first time)"
# The lock file lacks other platforms' optional packages, over which `npm ci` gives up; this holds to its versions as well.
	@npm install --no-save --no-audit --no-fund --no-progress --loglevel=error
# A later install takes the program of the package `node` away with what it did not put there itself.
	@node_modules/.bin/node --version >/dev/null 2>&1 || npm rebuild --no-audit --no-fund --loglevel=error node
	@touch $@

.PHONY: install
install: $(INSTALLED) ## install the pinned packages

.PHONY: build
build: $(INSTALLED) ## bundle operator, CLI and drivers into dist/
	@$(RUN) build

.PHONY: demo
demo: build ## the quickstart on this machine: a message answered, an intruder refused; stops by itself
	@$(RUN) vextir -- demo

.PHONY: up
up: build ## the quickstart on this machine, until Ctrl-C
	@$(RUN) vextir -- up examples/quickstart

.PHONY: chat
chat: build ## an agent with a model on this machine, until Ctrl-C: OPENAI_API_KEY's, else a fake one
	@$(RUN) vextir -- up examples/chat --secret-env openai/api-key=OPENAI_API_KEY

.PHONY: notes
notes: build ## drivers with documents in the context hub on this machine, until Ctrl-C
	@$(RUN) vextir -- up examples/notes

.PHONY: documents
documents: build ## documents and their summary by events on this machine, until Ctrl-C
	@$(RUN) vextir -- up examples/documents

.PHONY: test
test: build ## unit and integration tests (nats-server, kube-apiserver and etcd are fetched when absent)
	@$(RUN) test

.PHONY: e2e
e2e: build ## the chart on a real cluster: KUBECONFIG's, or a disposable one on this machine
	@test/e2e/run

.PHONY: bench
bench: build ## benchmarks beside raw clients, as ratios
	@$(RUN) bench

.PHONY: image
image: build ## build the operator's, the hub's and the drivers' images (Docker, or buildah)
	@image/build

.PHONY: generate
generate: $(INSTALLED) ## write the generated files (CRDs, schemas of events, code of the hub's contract, OpenAPI)
	@$(RUN) generate

.PHONY: format
format: $(INSTALLED) ## format and fix what can be fixed
	@$(RUN) format

.PHONY: verify
verify: $(INSTALLED) ## everything CI runs but e2e: format, lint, types, generated files, tests
	@$(RUN) lint
	@$(RUN) check
	@$(RUN) generate -- --check
	@$(MAKE) --no-print-directory test

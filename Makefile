# One entry point. `make help` lists the verbs.
SHELL := /bin/bash
NODE := node_modules/node/bin/node
.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z][a-zA-Z-]*:.*## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*## "} {printf "  %-16s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## Install everything a clone needs: npm packages, Node 24, libxgboost
	@bash tools/setup.sh

.PHONY: demo
demo: setup ## The main job on a real trace: train, compare policies, write the report
	@bin/mlsched demo

.PHONY: demo-prometheus
demo-prometheus: setup ## The same from a real local Prometheus, back-filled with the trace (needs Debian's prometheus)
	@$(NODE) tools/demo-prometheus.ts

.PHONY: test
test: setup ## Run every test this machine can run; with MLSCHED_REQUIRE_ALL=1 a skip is a failure
	@bash tools/test.sh

.PHONY: check
check: setup ## Format, lint, types, dead code, generated pages; no file is changed
	@bash tools/check.sh

.PHONY: fix
fix: setup ## Write what check verifies
	@node_modules/.bin/oxlint --fix --type-aware || true
	@$(NODE) tools/generate-docs.ts
	@node_modules/.bin/prettier --write --log-level warn .

.PHONY: bench
bench: setup ## Measure every claim (BENCH="name ..." for some) and write docs/reference/benchmarks.md
	@bash tools/bench.sh $(BENCH)

.PHONY: plugin
plugin: ## Build kube-scheduler with our plugin for the newest Kubernetes (K8S=1.32 for that minor version)
	@scheduler-plugin/build.sh plugin$(if $(K8S),-$(K8S))

.PHONY: soak
soak: setup ## One hour of steady load on the decision service: leaks, stalls, lost pods (MINUTES=10 for less)
	@$(NODE) test/bench/scheduler-soak.bench.ts --minutes $(or $(MINUTES),60)

.PHONY: nightly
nightly: setup ## What CI has no time for: the plugin for older Kubernetes, faults under load
	@bash tools/test.sh test/nightly/*.test.ts

.PHONY: test-chaos
test-chaos: setup ## Random faults of the decision service under load, two minutes
	@bash tools/test.sh test/nightly/chaos.test.ts

.PHONY: clean
clean: ## Remove everything that setup and runs created
	rm -rf node_modules vendor .mlsched .venv coverage

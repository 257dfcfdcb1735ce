# Copse: `make help` lists the targets. Everything needs Go, git and make; -race needs a C compiler, too.

GO       ?= go
FUZZTIME ?= 10s
FUZZJOBS ?= 1
BIN      := bin/copse

# To rebuild the command only when something changed.
SOURCES := $(shell find . -name '*.go' -not -name '*_test.go') interop/vectors/SHA256SUMS go.mod go.sum

.PHONY: help run test check format vet cross staticcheck vulncheck race stdlib novoi fuzz vectors generate bench docs clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN): $(SOURCES)
	$(GO) build -o $@ ./cmd/copse

run: $(BIN) ## replay the published test vectors (fetched first if none are here), else our own
	@./$(BIN) vectors --fetch || { echo "make run: the replay did not succeed; the reason is above. COPSE_VECTORS may name a folder with vectors." >&2; exit 1; }

test: ## run the tests
	$(GO) test ./...

check: FUZZJOBS = 2
check: FUZZFRESH = 1
check: format vet cross staticcheck vulncheck race stdlib novoi fuzz vectors ## run everything that has to hold before a change is merged
	@echo "check: all is well"

format: ## gofmt says nothing
	@out=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) && test -z "$$out" || { echo "gofmt wants to change: $$out"; exit 1; } >&2

vet: ## go vet says nothing
	$(GO) vet ./...
	$(GO) vet -tags copse_stdlib ./...
	$(GO) vet -tags copse_novoi ./ciphersuite/...

# Vet compiles the tests, too: constants that do not fit into an int of 32 bits are mostly theirs. The first run compiles the
# standard library and gRPC for each machine; after that it takes seconds.
cross: ## it builds for 32-bit machines with its tests, for arm64, and the engine for WebAssembly
	GOARCH=386 $(GO) vet ./...
	GOARCH=arm64 $(GO) build ./...
	GOOS=js GOARCH=wasm $(GO) build ./mls/... ./framing/... ./treekem/... ./keyschedule/... ./ciphersuite/...
	GOOS=js GOARCH=wasm $(GO) build -tags copse_stdlib ./mls/...
	GOOS=js GOARCH=wasm $(GO) build -tags copse_novoi ./mls/...

# The tools live in a module of their own, so that whoever imports Copse inherits none of their dependencies.
staticcheck: ## staticcheck says nothing
	$(GO) tool -modfile=tools/go.mod staticcheck ./...
	$(GO) tool -modfile=tools/go.mod staticcheck -tags copse_stdlib ./...
	$(GO) tool -modfile=tools/go.mod staticcheck -tags copse_novoi ./ciphersuite/...

vulncheck: ## no vulnerabilities are known in the dependencies, as far as the database can be reached
	@GO='$(GO)' ./.ci/vulncheck

# The tests of mls take longest, so they begin first; the others go on beside them.
race: ## run the tests, house rules included, with the race detector
	$(GO) test -race ./mls ./...

# internal/house reads the source and builds with every set of tags by itself.
stdlib: ## run the tests with the engine built from the standard library alone
	$(GO) test -tags copse_stdlib ./mls $$($(GO) list ./... | grep -v '/internal/house$$')

# Only ciphersuite differs from the default build, and only in suites 1, 3, 4 and 6; the vectors use all of it.
novoi: ## run the tests of cryptography and vectors with the engine built without curve25519-voi
	$(GO) test -tags copse_novoi ./ciphersuite/... ./interop/vectors

fuzz: ## run every fuzz target for FUZZTIME (default 10s), or those that FUZZ names
	@GO='$(GO)' FUZZTIME='$(FUZZTIME)' FUZZJOBS='$(FUZZJOBS)' FUZZFRESH='$(FUZZFRESH)' FUZZ='$(FUZZ)' ./.ci/fuzz

vectors: $(BIN) ## replay the published test vectors if they are here, else our own
	@./$(BIN) vectors

generate: ## make our own test vectors anew, after a change of what Copse draws from its entropy
	$(GO) test ./interop/vectors -run TestOwn -rewrite

bench: ## measure against the limits that the design sets
	$(GO) run ./docs/bench

docs: ## bring docs/rfc9420.md, docs/tour.md, docs/validation.md and the ledger's marks up to date
	$(GO) test ./internal/house -run SectionsToFiles -rewrite
	$(GO) test ./docs/tour -run TestTour -rewrite
	$(GO) test ./mls -run TestRuleEntries -rewrite
	$(GO) test ./mls/ledger -run TestDocument -rewrite

clean: ## remove what was built
	rm -rf bin

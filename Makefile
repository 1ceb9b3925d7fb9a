# make help says what there is.

GO ?= go
FUZZTIME ?= 30s
SOAKTIME ?= 10m

# The race detector needs a C compiler; nothing that is shipped does.
RACE := $(if $(shell command -v gcc 2>/dev/null),-race)
# It would wait a second at the end of each program.
export GORACE := atexit_sleep_ms=0
OURS = $(shell git ls-files -co --exclude-standard '*.go' | grep -v '^third_party/')
UNITS = $(shell $(GO) list ./... | grep -v '/interop-tests')

.DEFAULT_GOAL := help
.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: build
build: ## both binaries, static, into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/...

.PHONY: test
test: packages build check interop ## everything: what CI runs; as root it installs the Debian packages it needs

.PHONY: packages
packages: ## install what interop-tests/packages.txt names, where that is possible
	@sh .ci/packages interop-tests/packages.txt

.PHONY: check
check: verify-third-party ## formatting, vet, staticcheck, unit tests with the race detector, each fuzz target for 3000 inputs
	@unformatted=$$(gofmt -l $(OURS)); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	@test -n "$(RACE)" || test -z "$$CI" || { echo "no gcc: the race detector can't run"; exit 1; }
	$(GO) test -timeout 10m $(RACE) $(UNITS)
	sh .ci/fuzz 3000x

.PHONY: interop
interop: build ## our binaries with real clients and servers
	$(GO) test -timeout 9m ./interop-tests/...

.PHONY: verify-third-party
verify-third-party: ## third_party is what upstream published, and our patch
	sh third_party/update.sh check

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME
	sh .ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: build ## compare direct ssh, ssh -J and the gateway; needs sshd. ARGS=-quick for a short one
	$(GO) run ./interop-tests/bench $(ARGS)

.PHONY: soak
soak: build ## open sessions for SOAKTIME and watch for leaks
	$(GO) run ./interop-tests/bench -soak $(SOAKTIME)

.PHONY: demo
demo: build ## a gateway and a target to try by hand, until Ctrl-C; DEMO_ONESHOT=1 ends after one session
	bash interop-tests/demo.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf bin

# fob: what a Go developer expects. Binaries go to bin/.

export GOFLAGS += -trimpath
# A program with the race detector waits a second at its end, unless told not
# to; the scripts run hundreds of them.
export GORACE ?= atexit_sleep_ms=10
RUN      ?= .
BIN      ?= bin
FUZZTIME ?= 10s
BENCHTIME ?= 1s
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X github.com/fob-auth/fob/cmd/internal/cli.version=$(VERSION)

# The hardware drivers need cgo and a library each; what isn't there is left
# out, and fobd says so.
CGO  := $(shell test "$$(go env CGO_ENABLED)" = 1 && command -v "$$(go env CC)" >/dev/null && echo 1)
TAGS := $(if $(CGO),$(shell pkg-config --exists libpcsclite 2>/dev/null && echo pcsc) $(shell pkg-config --exists libfido2 2>/dev/null && echo fido2))
comma := ,
empty :=
GOTAGS := -tags=$(subst $(empty) $(empty),$(comma),$(strip $(TAGS)))
RACE := $(if $(CGO),-race)
INTEROP := TestScript/(interop|aws)|TestClients|TestPCSC|TestVPCD|TestPIVGoSuite|TestCodesOfOathtool|Test(Codes|Proofs)UnderFaults|TestPlugsBeside|TestCoexistence$$|TestAttestation|TestBoard

.PHONY: build demo demo-pcscd test bench lint fuzz interop firmware sim man clean

build:
	@mkdir -p $(BIN)
	CGO_ENABLED=0 go build -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/fob ./cmd/fobaws ./cmd/fobemu
	CGO_ENABLED=$(if $(strip $(TAGS)),1,0) go build $(GOTAGS) -ldflags '$(LDFLAGS)' -o $(BIN)/ ./cmd/fobd
# The linker leaves its file in the page cache in pieces of up to 2 MiB, of which
# a kernel may map the whole for one address (seen with Linux 6.18): the agent
# would have 10 MiB more in memory than from a file that was copied or installed.
	@cp $(BIN)/fobd $(BIN)/fobd.copy && mv $(BIN)/fobd.copy $(BIN)/fobd
ifneq ($(findstring pcsc,$(TAGS)),)
	CGO_ENABLED=1 go build -tags pcsc -ldflags '-s -w' -buildmode=c-shared -o $(BIN)/libifdfob.so ./emulator/reader/handler
	@rm -f $(BIN)/libifdfob.h
endif

# The manual pages, by the programs' own commands, into bin/man.
man:
	go run ./cmd/internal/manual bin/man

# The main job on emulated tokens and the local AWS: no root, nothing but Go.
demo: build
	@go run ./cmd/internal/demo -bin bin

# The same with the YubiKey in a reader of a real pcscd, beside ykman.
demo-pcscd: build
	@go run ./cmd/internal/demo -bin bin -pcscd

# All tests, with the race detector. Says which packages they need and asks
# before it installs them, unless CI=true; what was skipped stands at the end.
test:
	@.ci/packages
	@$(MAKE) --no-print-directory gotest

# What tests measured and counted: go keeps the words of a test that passes to itself.
FIGURES := sed -n 's/.*"Output":" *\([a-z0-9_]*[.]go:[0-9]*: \)\{0,1\}figure: \(.*\)\\n"}$$/\2/p' .tmp/tests.json

.PHONY: gotest
gotest:
	@mkdir -p .tmp
	@go tool gotestsum --jsonfile .tmp/tests.json --format pkgname-and-test-fails -- $(RACE) $(GOTAGS) -count=1 -timeout 40m -run '$(RUN)' ./...; \
	  status=$$?; $(FIGURES); exit $$status

# Real clients alone: the AWS CLI, boto3, the Go and JS SDKs, ykman, yubico-piv-tool,
# OpenSC, ssh, piv-go's own tests and the demo through pcscd, and the fob's
# firmware in QEMU.
interop:
	@.ci/packages
	@mkdir -p .tmp
	@go tool gotestsum --jsonfile .tmp/tests.json --format testname -- $(GOTAGS) -count=1 -timeout 40m -run '$(INTEROP)' ./cmd; \
	  status=$$?; $(FIGURES); exit $$status
	@if [ -x /usr/sbin/pcscd ] && [ -x /usr/bin/ykman ]; then $(MAKE) --no-print-directory demo-pcscd; \
	  else echo "the demo through pcscd needs pcscd and yubikey-manager to be installed"; fi

# Each benchmark for BENCHTIME. PC/SC's are medians of whole programs' runs: of
# so many, whatever BENCHTIME is.
bench: build
	go test $(GOTAGS) -run '^$$' -bench . -skip '^BenchmarkPCSC$$' -benchtime $(BENCHTIME) -benchmem ./...
	go test $(GOTAGS) -run '^$$' -bench '^BenchmarkPCSC$$' -benchtime 20x ./cmd

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt'ed:"; echo "$$out"; exit 1; }
	go vet $(GOTAGS) ./...
	go tool staticcheck -checks all $(GOTAGS) ./...
# What stands in for the drivers where they aren't built; they use what it doesn't.
	go vet ./...
	go tool staticcheck -checks all,-U1000 ./...
	go mod tidy -diff

# The serial fob's image for a Cortex-M3 board, by TinyGo: twice, with its
# flash and RAM against the budget.
firmware:
	@firmware/board/build

# Sixty fobs over two years each against the local AWS's verifier, in virtual
# time; prints the table that stands in sts/resync/README.md. With a package
# argument, go would hide what a passing test prints.
sim:
	@cd cmd/internal/sim && go test -count=1 -timeout 60m -run '^TestDrift$$' -args -years

# Every fuzz target for FUZZTIME each; their seeds run in 'make test' too.
fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
	  sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' "$$file" | while read -r target; do \
	    echo "$$(dirname $$file) $$target"; \
	    go test $(GOTAGS) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname $$file)" || exit 1; \
	  done || exit 1; \
	done

clean:
	rm -rf bin .tmp

# make test is everything that must hold; the other targets are its parts.

# What the tests need beyond Go: readelf for the imports example, a C compiler
# for the race detector, ps for the lifecycle tests; for those of Python an
# interpreter, two packages of many modules that are served to it, and Mitogen,
# which the benchmarks compare it with.
PACKAGES = binutils dbus-daemon gcc libc6-dev man-db polkitd procps python3 python3-jinja2 python3-mitogen python3-pefile sudo systemd

# What must compile besides the machine at hand.
TARGETS = linux/arm64 darwin/arm64 windows/amd64

# For each fuzz target; longer at leisure: make fuzz FUZZTIME=10m
FUZZTIME = 5s

# Where make package puts the package of examples/hostctl.
OUT = dist

TOOL = go tool -modfile=tools/go.mod
STEP = @tools/step

.NOTPARALLEL:
.PHONY: test need check cross unit race fuzz bench-check bench package fmt run $(TARGETS:%=cross-%)

test: need check cross unit race fuzz bench-check
	@printf '\n== all of make test passed\n'

need:
	$(STEP) 'packages' tools/need $(PACKAGES)
	$(STEP) 'nfpm' go tool -modfile=tools/nfpm/go.mod -n nfpm

check:
	$(STEP) 'gofumpt' tools/silent $(TOOL) gofumpt -l .
	$(STEP) 'go vet' go vet ./...
	$(STEP) 'go fix' tools/silent go fix -diff ./...
	$(STEP) 'staticcheck' $(TOOL) staticcheck ./...
	$(STEP) 'Python compiles' tools/compile

cross: $(TARGETS:%=cross-%)

$(TARGETS:%=cross-%): cross-%:
	$(STEP) 'build for $*' env CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go build ./...
	$(STEP) 'vet for $*' env CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go vet ./...

unit:
	$(STEP) 'tests' go test -count=1 ./...

race:
	$(STEP) 'tests under the race detector' go test -count=1 -race ./...

fuzz:
	$(STEP) 'fuzz targets, $(FUZZTIME) each' tools/fuzz $(FUZZTIME)

bench-check:
	$(STEP) 'benchmarks: build' go -C bench build ./...
	$(STEP) 'benchmarks: vet' go -C bench vet ./...
	$(STEP) 'benchmarks: tests' go -C bench test -count=1 ./...

bench:
	go -C bench run .

package:
	$(STEP) 'package' tools/package examples/hostctl $(OUT)

fmt:
	$(TOOL) gofumpt -w .

run:
	go run ./cmd/outwork run --share data=$$(command -v git) examples/imports.star

# make test is everything that must hold; the other targets are its parts.

# What the tests need beyond Go: readelf for the imports example, hexdump, a C compiler
# for the race detector, ps for the lifecycle tests, git for the package's version; for those of Python an
# interpreter, two packages of many modules that are served to it, and Mitogen,
# which the benchmarks compare it with. The machines of internal/sshtest are made of
# openssh-server and what its package comment lists; docker is tried where it is there.
PACKAGES = binutils bsdextrautils busybox-static crun dbus-daemon fish gcc git iproute2 libc6-dev man-db opendoas openssh-client openssh-server perl mount podman polkitd procps \
	python3 python3-jinja2 python3-mitogen python3-pefile sudo systemd tcsh util-linux $(PE_PACKAGES)

# Whose PE files package inspect is compared with objdump on: 27 MB to fetch.
PE_PACKAGES = gcc-mingw-w64-i686-win32-runtime gcc-mingw-w64-x86-64-win32-runtime grub-efi-amd64-bin libz-mingw-w64 python3-distlib systemd-boot-efi

# What must compile besides the machine at hand.
TARGETS = linux/arm64 darwin/arm64 windows/amd64

# For each fuzz target; longer at leisure: make fuzz FUZZTIME=10m
FUZZTIME = 1s

# Whose tests wait much, for processes and cut lines: they begin first, beside the others.
SLOW = ./script/python . ./cmd/outwork ./internal/link

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
	$(STEP) 'deadcode' tools/silent tools/dead
	$(STEP) 'go mod tidy' tools/silent tools/tidy
	$(STEP) 'Python compiles' tools/compile

cross: $(TARGETS:%=cross-%)

$(TARGETS:%=cross-%): cross-%:
	$(STEP) 'build for $*' env CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go build ./...
	$(STEP) 'vet for $*' env CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) go vet ./...

unit:
	$(STEP) 'tests' go test -count=1 -timeout=30m $(SLOW) ./...

# Whatever is built with the detector sleeps a second when it ends, if it is not told otherwise:
# each worker, agent and starter.
race:
	$(STEP) 'tests under the race detector' env GORACE=atexit_sleep_ms=0 go test -count=1 -race -timeout=30m $(SLOW) ./...

fuzz:
	$(STEP) 'fuzz targets, $(FUZZTIME) each' tools/fuzz $(FUZZTIME)

bench-check:
	$(STEP) 'benchmarks: build' go -C bench build ./...
	$(STEP) 'benchmarks: vet' go -C bench vet ./...
	$(STEP) 'benchmarks: tests' go -C bench test -count=1 ./...

# All figures; those of one name again: go -C bench run . -only NAME -write ../BENCHMARKS.md
bench:
	go -C bench run . -write ../BENCHMARKS.md

package:
	$(STEP) 'package' tools/package examples/hostctl $(OUT)

fmt:
	$(TOOL) gofumpt -w .

run:
	go run ./cmd/outwork run --share data=$$(command -v bash) examples/imports.star

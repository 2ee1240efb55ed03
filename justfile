# Thresher's recipes. Those that make network namespaces need root.

# List the recipes.
default:
    @just --list --unsorted

# Build the one static binary.
build:
    CGO_ENABLED=0 go build -trimpath -o bin/thresher ./cmd/thresher

# Run every test; as root, the ones with real packets too.
test:
    go test ./...

# Run the tests of what needs no network on an emulated arm64 (apt-get install qemu-user-static).
test-arm64:
    CGO_ENABLED=0 GOARCH=arm64 go test -exec qemu-aarch64-static -timeout 1h ./pipeline ./cluster ./cluster/confirm ./cluster/confirm/handover ./cluster/settle ./config/... ./health/check ./health/life ./health/service

# Show a farm of three nodes and a client inside this machine.
demo:
    go run ./cmd/thresher demo

# Measure everything beside its peers, into dist/bench/bench.html; some twenty minutes on an idle machine.
bench:
    go run ./cmd/thresher bench --out dist/bench

# Measure the pipeline's Go code.
bench-pipeline:
    go test -run '^$' -bench . ./pipeline

# Simulate the confirmation protocol for long, from a seed of its own each time.
simulate runs="1000":
    go test ./cluster/confirm/sim -run Campaigns -count=1 -timeout 3h -v -sim.runs {{runs}} -sim.seed "$(date +%s)"
    go test ./cluster/confirm/search -count=1 -timeout 1h -search.deep

# Break a farm at random under a million SYNs, some nine minutes; a seed that was printed repeats a run.
chaos seed="0" syns="1000000":
    go test ./farm/faults -run TestChaos -count=1 -timeout 3h -v -chaos.seed {{seed}} -chaos.syns {{syns}}

# The same for hours, and hold that a daemon does not grow and connections last.
soak hours="1":
    go test ./farm/faults -run TestChaos -count=1 -timeout 24h -v -chaos.soak {{hours}}h

# Break farms as often and as long as docs/faults.md says; hours.
faults:
    go test ./farm/faults -count=1 -timeout 12h -v -faults.long

# Run a farm in every combination of IP family, VIP mode, XDP mode and offload level.
matrix:
    go test -count=1 -timeout 2h ./farm -run 'TestModes|TestDirected$|TestGroupsReachMembersOnly|TestFarmServes|TestPacketsAsTheyCome|TestCombinations' -farm.long

# Run the data plane on virtual machines with Debian's kernels; needs root, QEMU and a mirror; an hour and more.
test-vm kernels="6.1,6.12,6.18":
    go test ./perf/vm -count=1 -timeout 4h -v -vm.kernels {{kernels}}

# Run the fuzz targets whose package and name match, for so many seconds each.
fuzz seconds="60" pattern="." processors="1":
    .ci/fuzz {{seconds}} '{{pattern}}' {{processors}}

# Everything, in the long form but for `just faults`: some hour and a half; what needs no network runs side by side.
long: lint
    go test -race -count=1 -timeout 1h -p 1 ./...
    go test -count=1 -timeout 1h ./farm -farm.long -farm.many 12
    just chaos
    just fuzz 30 & fuzzing=$!; just simulate; simulated=$?; wait $fuzzing && exit $simulated
    just bench

# Check form, types and generated files.
lint: generated analyse

# Check form and types.
analyse:
    test -z "$(gofmt -l .)" || { gofmt -d .; exit 1; }
    go vet ./...
    go tool staticcheck ./...

# Compile the kernel programs.
generate:
    go generate ./...

# Check that the committed kernel programs are those of the source.
generated: generate
    git diff --exit-code -- '*_bpfel.go' '*_bpfel.o'

# Write docs/configuration.md, api.md and metrics.md anew out of what the program says of itself.
reference:
    go test ./config ./console ./console/metrics -run TestReferenceIsCurrent -update

# Build deb and rpm for one architecture into dist/packages; nfpm comes from the module proxy.
package arch="amd64":
    deploy/package/build {{arch}} dist/packages

# Build the packages twice and compare them byte by byte.
reproducible arch="amd64":
    deploy/package/reproducible {{arch}}

# Install, upgrade, remove and purge the deb in a fresh Debian; needs root, debootstrap and a mirror.
test-package: package
    deploy/package/try dist/packages/thresher_*_amd64.deb

# Build the image of one architecture, thresher:ARCH; needs buildah and no registry.
image arch="amd64":
    deploy/image/build {{arch}}

# Run the image with the rights that it is said to need, in a network that is nobody's; needs root and podman.
test-image: image
    deploy/image/try thresher:amd64

# Look for known vulnerabilities in what is called, in Go's database or a copy, file:///DIR.
vulnerabilities database="https://vuln.go.dev":
    go run golang.org/x/vuln/cmd/govulncheck@v1.8.0 -db {{database}} ./...

package farm_test

import (
	"flag"
	"net/netip"
	"testing"
	"time"

	"thresher/internal/farmtest"
	"thresher/internal/leftout"
	"thresher/internal/programtest"
	"thresher/perf/lab"
)

// The tests of this package run the real program on farms of network
// namespaces, with real servers and clients. What happened is judged at the
// client's end of the wire, never by what the nodes say of themselves.

// long has the tests go through everything, as `just long` does.
var long = flag.Bool("farm.long", false, "go through every combination, and not only those that differ most")

// short picks the count or the time of this run.
func short[N int | time.Duration](few, many N) N {
	if *long {
		return many
	}
	return few
}

// binary is the program under test, built once.
var binary string

// Tests that are parallel mostly wait, or only compute, and no time in them counts: they
// run beside one another when all others are over.
func TestMain(m *testing.M) {
	lab.BeEchoProcess()
	leftout.Exit(programtest.Run(m, &binary))
}

// testFarm is a farm with what the tests of this package do with it.
type testFarm struct {
	*farmtest.Farm
	vip netip.Addr // that its clients go to; zero is lab.VIP()
}

// to is the VIP that clients go to.
func (f *testFarm) to() netip.Addr {
	if f.vip.IsValid() {
		return f.vip
	}
	return lab.VIP()
}

// url is that of the VIP's web server.
func (f *testFarm) url() string { return "http://" + netip.AddrPortFrom(f.to(), 80).String() }

// syns are n connection attempts to the VIP's web server.
func (f *testFarm) syns(n, rate int) lab.SYNs {
	s := lab.SYNs{
		To: netip.AddrPortFrom(f.to(), 80), MAC: f.VMACOf(f.to()), From: lab.SYNSources(n), Rate: rate,
	}
	if f.to().Is6() {
		s.From = lab.SYNSources6(n)
	}
	return s
}

// clientAddress is the client's address with that number, of the VIP's family.
func (f *testFarm) clientAddress(i int) netip.Addr {
	a := f.Client.Addresses[i%len(f.Client.Addresses)]
	if f.to().Is6() {
		return lab.In6(a)
	}
	return a
}

// newFarm builds the machines; Start starts the daemons.
func newFarm(t *testing.T, c lab.Config, o lab.FarmOptions) *testFarm {
	t.Helper()
	return &testFarm{Farm: farmtest.New(t, binary, c, o)}
}

// synsTo80 are connection attempts to the VIP's web server.
func (f *testFarm) synsTo80(from []netip.AddrPort, rate int) lab.SYNs {
	return lab.SYNs{To: netip.AddrPortFrom(lab.VIP(), 80), MAC: f.VMAC(), From: from, Rate: rate}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package health

import (
	"testing"

	"go.uber.org/goleak"

	"thresher/internal/leftout"
	"thresher/internal/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(leftout.Exit)) }

// machine is a namespace with two ends of a cable; one name has a dot in it.
func machine(t *testing.T) *netnstest.NS {
	ns := netnstest.New(t)
	ns.Veth(t, "eth0", ns, "eth0.100", 3)
	return ns
}

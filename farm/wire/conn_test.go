package wire

import (
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"

	"thresher/internal/leftout"
	"thresher/internal/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(leftout.Exit)) }

// TestStuckDevice: who probes does not wait for a device that takes no more frames;
// what it would send is lost.
func TestStuckDevice(t *testing.T) {
	ns := netnstest.New(t)
	ns.Veth(t, "eth0", ns, "eth1", 1)
	var c *Conn
	ns.Do(t, func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		// Two seconds' worth at 1,000 bytes a second, in units of 64 ns (PSCHED_TICKS2NS):
		// after the first frames, some ten leave a second.
		stuck := &netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: ifi.Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
			Rate:       1000, Buffer: 2e9 / 64, Limit: 1 << 30,
		}
		if err := netlink.QdiscAdd(stuck); err != nil {
			return err
		}
		c, err = Open(ifi, Options{}, [32]byte{1})
		return err
	})
	sent := make(chan error)
	go func() {
		var err error
		for range 400 { // the kernel counts some 800 bytes each; a socket has 208 KB (net.core.wmem_default)
			if err == nil {
				err = c.Report(Report{})
			}
		}
		sent <- err
	}()
	select {
	case err := <-sent:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it waits for the device")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

package farm

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/internal/leftout"
	"thresher/internal/netnstest"
)

// The bell rings soon after each thing that the loop is to look at, and for nothing
// else: other interfaces, or none at all.
func TestTheKernelTellsOfTheMachine(t *testing.T) {
	if _, err := exec.LookPath("ethtool"); err != nil {
		leftout.Skip(t, "ethtool is not installed")
	}
	ns := netnstest.New(t)
	peer := netnstest.New(t)
	// The end of a look for duplicates would be told, too, a second or two later.
	ns.Do(t, func() error { return setSysctl("net/ipv6/conf/default/accept_dad", "0") })
	ns.Veth(t, "eth0", peer, "eth0", 4)
	ns.Veth(t, "eth1", peer, "eth1", 4)
	ns.Addr(t, "lo", "192.0.2.100/32")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var w *watch
	ns.Do(t, func() (err error) {
		p := &parts{local: &local{cfg: &config.Config{Interface: "eth0"}, log: slog.New(slog.DiscardHandler)}}
		if p.nic, err = netlink.LinkByName("eth0"); err != nil {
			return err
		}
		w, err = p.watch(ctx)
		return err
	})
	carriers := make(chan bool, 64)
	go func() {
		for {
			select {
			case up := <-w.carrier:
				carriers <- up
			case <-ctx.Done():
				return
			}
		}
	}()
	run := func(words ...string) {
		t.Helper()
		ns.Do(t, func() error { return exec.Command(words[0], words[1:]...).Run() })
	}
	rings := func(within time.Duration) bool {
		select {
		case <-w.bell:
			return true
		case <-time.After(within):
			return false
		}
	}
	for rings(300 * time.Millisecond) { // what the link's beginning told
	}
	run("ip", "link", "set", "eth1", "down")
	run("ip", "address", "add", "192.0.2.200/24", "dev", "eth1")
	if rings(300 * time.Millisecond) {
		t.Error("the bell rings for another interface")
	}
	for _, change := range [][]string{
		{"ip", "address", "del", "192.0.2.100/32", "dev", "lo"},
		{"ip", "address", "add", "2001:db8::11/64", "dev", "eth0"},
		{"ip", "link", "set", "eth0", "address", "02:00:00:00:00:99"},
		{"ip", "link", "set", "eth0", "mtu", "1400"},
		{"ethtool", "-L", "eth0", "rx", "2"},
		{"ip", "link", "set", "eth0", "down"},
	} {
		run(change...)
		if !rings(10 * time.Second) {
			t.Errorf("not within 10 s: %v", change)
		}
		for rings(100 * time.Millisecond) { // one change may be told of several times
		}
	}
	patience := time.After(10 * time.Second)
	for up := true; up; {
		select {
		case up = <-carriers:
		case <-patience:
			t.Fatal("the carrier's loss was not told")
		}
	}
}

// A subscription that overflows leaves nothing open: another one follows.
func TestASubscriptionThatOverflowsIsClosed(t *testing.T) {
	ns, peer := netnstest.New(t), netnstest.New(t)
	ns.Veth(t, "eth0", peer, "eth0", 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &watch{carrier: make(chan bool), bell: make(chan struct{}, 1)}
	var ended <-chan struct{}
	before := sockets(t)
	ns.Do(t, func() error {
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		w.index = eth0.Attrs().Index
		if ended, err = w.links(ctx); err != nil {
			return err
		}
		for i := range 1000 { // nobody reads what is told of that
			if err := netlink.LinkSetAlias(eth0, strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	})
	deadline := time.After(10 * time.Second)
	for open := true; open; {
		select {
		case <-w.carrier:
		case <-ended:
			open = false
		case <-deadline:
			t.Fatal("it has not overflowed")
		}
	}
	for ; sockets(t) > before; time.Sleep(time.Millisecond) {
		select {
		case <-deadline:
			t.Fatalf("%d sockets are open, %d before", sockets(t), before)
		default:
		}
	}
}

// sockets is how many sockets this process has open.
func sockets(t *testing.T) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

func TestWhatHasChangedOfAnInterface(t *testing.T) {
	was := &netlink.LinkAttrs{MTU: 1500, HardwareAddr: []byte{2, 0, 0, 0, 0, 1}}
	for want, is := range map[string]*netlink.LinkAttrs{
		"": {MTU: 1500, HardwareAddr: []byte{2, 0, 0, 0, 0, 1}, Alias: "another", NumRxQueues: 4},
		"its Ethernet address is 02:00:00:00:00:02 instead of 02:00:00:00:00:01": {MTU: 1500, HardwareAddr: []byte{2, 0, 0, 0, 0, 2}},
		"its MTU is 1400 instead of 1500":                                        {MTU: 1400, HardwareAddr: []byte{2, 0, 0, 0, 0, 1}},
	} {
		if got := changed(was, is); got != want {
			t.Errorf("changed = %q, want %q", got, want)
		}
	}
}

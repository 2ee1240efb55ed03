// Package netnstest gives a test a network namespace of its own, so that no
// test ever touches the machine's interfaces or sysctls.
package netnstest

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"thresher/internal/leftout"
)

// NS is one network namespace. It lives until its test ends.
type NS struct{ handle netns.NsHandle }

// New makes an empty namespace with lo up. It skips the test when it is not
// run as root, since only root may make namespaces.
func New(t testing.TB) *NS {
	t.Helper()
	if os.Geteuid() != 0 {
		leftout.Skip(t, "network namespaces need root")
	}
	ns := &NS{handle: netns.None()}
	onThread(t, func() error {
		h, err := netns.New()
		ns.handle = h
		return err
	})
	t.Cleanup(func() { _ = ns.handle.Close() })
	ns.Do(t, func() error { return setUp("lo") })
	return ns
}

// Do runs f on a thread that is in the namespace, and fails the test with the
// error that f returns. What f opens (sockets) or starts (processes) belongs
// to the namespace also after Do. f must not call t.FailNow or t.Skip.
func (ns *NS) Do(t testing.TB, f func() error) {
	t.Helper()
	onThread(t, func() error {
		if err := netns.Set(ns.handle); err != nil {
			return err
		}
		return f()
	})
}

// Veth makes a pair of Ethernet interfaces, name here and peerName in peer,
// both up and connected, with as many queues as asked for.
func (ns *NS) Veth(t testing.TB, name string, peer *NS, peerName string, queues int) {
	t.Helper()
	ns.Do(t, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.NumTxQueues, attrs.NumRxQueues = name, queues, queues
		pair := &netlink.Veth{
			LinkAttrs: attrs, PeerName: peerName, PeerNamespace: netlink.NsFd(peer.handle),
			PeerNumTxQueues: uint32(queues), PeerNumRxQueues: uint32(queues),
		}
		if err := netlink.LinkAdd(pair); err != nil {
			return err
		}
		return setUp(name)
	})
	peer.Do(t, func() error { return setUp(peerName) })
	ns.Do(t, func() error { return connected(name) })
	peer.Do(t, func() error { return connected(peerName) })
}

// connected waits until the kernel has noticed the interface's cable: before, in work of
// its own, it drops what is sent (linkwatch_do_dev, net/core/link_watch.c).
func connected(name string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		state := l.Attrs().OperState
		if state == netlink.OperUp {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is %v, not connected", name, state)
		}
	}
}

// Addr gives the interface an address, written as a prefix. One of lo may be used
// at once: there is nobody to detect a duplicate by.
func (ns *NS) Addr(t testing.TB, name, prefix string) {
	t.Helper()
	ns.Do(t, func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		a, err := netlink.ParseAddr(prefix)
		if err != nil {
			return err
		}
		if name == "lo" {
			a.Flags = unix.IFA_F_NODAD
		}
		return netlink.AddrAdd(l, a)
	})
}

func setUp(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

// onThread runs f on a thread of its own. The thread is never unlocked, so the
// runtime ends it together with its goroutine and the namespace cannot leak
// into other tests.
func onThread(t testing.TB, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	if err := <-done; err != nil {
		t.Fatalf("in a network namespace of the test: %v", err)
	}
}

// Link sets the interface up or down.
func (ns *NS) Link(t testing.TB, name string, up bool) {
	t.Helper()
	ns.Do(t, func() error {
		if up {
			return setUp(name)
		}
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		return netlink.LinkSetDown(l)
	})
}

// Delete deletes the interface.
func (ns *NS) Delete(t testing.TB, name string) {
	t.Helper()
	ns.Do(t, func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		return netlink.LinkDel(l)
	})
}

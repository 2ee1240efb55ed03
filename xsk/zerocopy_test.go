package xsk

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"thresher/config"
)

func TestMemoryFlag(t *testing.T) {
	for choice, want := range map[config.ZeroCopy]uint16{
		0: 0, config.ZeroCopyAuto: 0, config.ZeroCopyOn: unix.XDP_ZEROCOPY, config.ZeroCopyOff: unix.XDP_COPY,
	} {
		if got := memoryFlag(choice); got != want {
			t.Errorf("%v: flags %#x, want %#x", choice, got, want)
		}
	}
}

// A veth has no zero copy: who insists on it is told of the driver and the cure.
func TestZeroCopyOnVeth(t *testing.T) {
	w := newWire(t, 1)
	stack, err := OpenStack(w.nic, 1, 0)
	must(t, err)
	defer stack.Close()
	o := QueueOptions{Interface: w.nic.Attrs().Index, Stack: stack.In, Memory: MemoryFor(1500), ZeroCopy: config.ZeroCopyOn, Driver: "veth"}
	_, err = OpenQueue(o)
	if err == nil || !strings.Contains(err.Error(), "the driver (veth) gives no zero copy") || !strings.Contains(err.Error(), "set it to auto") {
		t.Errorf("on: %v", err)
	}
	// What fails for another reason is told as that.
	for what, broken := range map[string]QueueOptions{
		"no such queue":     {Interface: o.Interface, Queue: 9, Memory: o.Memory, ZeroCopy: o.ZeroCopy},
		"no such interface": {Interface: 1 << 30, Memory: o.Memory, ZeroCopy: o.ZeroCopy},
	} {
		if _, err := openReceiver(broken); err == nil || strings.Contains(err.Error(), "no zero copy") {
			t.Errorf("%s: %v", what, err)
		}
	}
	o.ZeroCopy = config.ZeroCopyOff
	q, err := OpenQueue(o)
	must(t, err)
	if q.ZeroCopy() {
		t.Error("off, and there is zero copy")
	}
	must(t, q.Close())
}

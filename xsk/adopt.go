package xsk

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// adoptStack goes on with the pair that an earlier run has left, and gives it the
// filters anew. It returns nil where there is none; one that does not fit the
// interface any more it removes.
func adoptStack(nic *netlink.LinkAttrs, queues int, names Pair) (*Stack, error) {
	in, err := netlink.LinkByName(names.In())
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", names.In(), err)
	}
	if in.Attrs().Group != uint32(nic.Index) {
		return nil, fmt.Errorf("%s is not the way to the stack of %s: start the daemon again, or remove it if no other daemon uses it (ip link del %s)", names.In(), nic.Name, names.In())
	}
	s := &Stack{In: in.Attrs().Index, pair: names}
	out, err := netlink.LinkByName(names.Out())
	if err != nil || !stackFits(in.Attrs(), out.Attrs(), nic, queues) {
		return nil, s.Close()
	}
	if err := removeFilters(out); err != nil {
		return nil, fmt.Errorf("go on with %s: %w", names.Out(), err)
	}
	if err := s.set(nic.Index); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func stackFits(in, out, nic *netlink.LinkAttrs, queues int) bool {
	return in.ParentIndex == out.Index && in.MTU == nic.MTU &&
		in.NumTxQueues == queues && out.NumRxQueues == queues &&
		bytes.Equal(out.HardwareAddr, nic.HardwareAddr)
}

// removeFilters removes clsact and all that hangs on it: its filters hold the
// earlier run's program, and its redirection may lead elsewhere.
func removeFilters(out netlink.Link) error {
	err := netlink.QdiscDel(&netlink.GenericQdisc{
		QdiscType: "clsact",
		QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: out.Attrs().Index,
			Handle:    netlink.MakeHandle(0xffff, 0),
			Parent:    netlink.HANDLE_CLSACT,
		},
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // there is none
		return nil
	}
	return err
}

package farm

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"thresher/console"
	"thresher/pipeline"
)

// handOn watches whether what the kernel program hands on to other nodes gets out. Some drivers
// take a frame back for sending (XDP_TX) and drop it: a veth whose other end has
// no NAPI (drivers/net/veth.c, veth_xdp_xmit), cards without spare transmit queues.
// Drivers count that among the frames that they dropped in sending, if anywhere.
type handOn struct {
	before  transmitted
	byQueue bool // the queues hand on instead
}

// transmitted is what there was to send so far.
type transmitted struct {
	forwarded uint64 // by the kernel program
	dropped   uint64 // by the interface
}

// handOnNote is what status says then.
const handOnNote = "the driver drops what the kernel program hands on to other nodes (XDP_TX): packet sockets do that, which is slower; " +
	"give the card spare queues, or a veth pair an XDP program at its other end"

// note adds to what there is to say of XDP.
func (h *handOn) note(other string) string {
	switch {
	case !h.byQueue:
		return other
	case other == "":
		return handOnNote
	}
	return other + "; " + handOnNote
}

// handOnLostAtLeast is how many frames must be dropped between two looks before
// anything is made of it.
const handOnLostAtLeast = 4

// fails tells whether most of what was handed on since the last time was dropped.
func (h *handOn) fails(now transmitted) bool {
	forwarded, dropped := now.forwarded-h.before.forwarded, now.dropped-h.before.dropped
	h.before = now
	return forwarded > 0 && dropped >= handOnLostAtLeast && 2*dropped >= forwarded
}

// watchHandOn has the queues hand on, by packet sockets, where the kernel program can't.
func (l *loop) watchHandOn() {
	if !slices.Contains(l.datapath.rules.Directed, true) || l.handOn.byQueue {
		return
	}
	now, err := l.transmitted()
	if err != nil {
		l.log.Warn("whether packets for other nodes get out can't be seen", "err", err)
		return
	}
	if !l.handOn.fails(now) {
		return
	}
	if err := l.datapath.program.HandOnByQueue(); err != nil {
		l.log.Error("packets for other nodes are dropped by the driver", "err", err)
		return
	}
	l.handOn.byQueue = true
	l.events.handOn(l.nic.Attrs().Name)
}

func (l *loop) transmitted() (transmitted, error) {
	var sum [pipeline.ReasonLen]uint64
	if err := l.datapath.program.AddCounters(sum[:]); err != nil {
		return transmitted{}, err
	}
	nic, err := netlink.LinkByIndex(l.nic.Attrs().Index)
	if err != nil {
		return transmitted{}, err
	}
	now := transmitted{forwarded: sum[pipeline.Forwarded]}
	if s := nic.Attrs().Statistics; s != nil {
		now.dropped = s.TxDropped
	}
	return now, nil
}

// handOn is that the kernel program no longer hands on to other nodes.
func (e *events) handOn(nic string) {
	e.add(console.LevelWarn, "hand_on", fmt.Sprintf("%s: %s", nic, handOnNote), map[string]string{"interface": nic})
}

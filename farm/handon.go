package farm

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"thresher/console"
	"thresher/pipeline"
)

// transmitted is what there was to send so far. By it the loop watches whether what the
// kernel program hands on to other nodes gets out: some drivers take a frame back for
// sending (XDP_TX) and drop it, such as a veth whose other end has no NAPI
// (drivers/net/veth.c, veth_xdp_xmit) and cards without spare transmit queues. They
// count that among the frames that they dropped in sending, if anywhere.
type transmitted struct {
	forwarded uint64 // by the kernel program
	dropped   uint64 // by the interface
}

// handOnNote is what status says then.
const handOnNote = "the driver drops what the kernel program hands on to other nodes (XDP_TX): packet sockets do that, which is slower; " +
	"give the card spare queues, or a veth pair an XDP program at its other end"

// withHandOn adds it to what else there is to say of XDP, if the queues hand on.
func withHandOn(other string, byQueue bool) string {
	switch {
	case !byQueue:
		return other
	case other == "":
		return handOnNote
	}
	return other + "; " + handOnNote
}

// handOnLostAtLeast is how many frames must be dropped between two looks before
// anything is made of it.
const handOnLostAtLeast = 4

// mostLostSince tells whether most of what was handed on since before was dropped.
func (t transmitted) mostLostSince(before transmitted) bool {
	forwarded, dropped := t.forwarded-before.forwarded, t.dropped-before.dropped
	return forwarded > 0 && dropped >= handOnLostAtLeast && 2*dropped >= forwarded
}

// watchHandOn has the queues hand on, by packet sockets, where the kernel program can't;
// again if it still tries.
func (l *loop) watchHandOn() {
	if !slices.Contains(l.datapath.rules.Directed, true) {
		return
	}
	before := l.handedOn
	now, err := l.transmitted()
	if err != nil {
		l.log.Warn("whether packets for other nodes get out can't be seen", "err", err)
		return
	}
	l.handedOn = now
	if !now.mostLostSince(before) {
		return
	}
	known := l.datapath.program.HandsOnByQueue()
	if err := l.datapath.program.HandOnByQueue(); err != nil {
		l.log.Error("packets for other nodes are dropped by the driver", "err", err)
		return
	}
	if !known {
		l.events.handOn(l.nic.Attrs().Name)
	}
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

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"thresher/config"
)

// maxAnswerers is how many Ethernet addresses Handshakes can tell apart: one bit
// each of a word. The nodes are MaxNodes at most.
const maxAnswerers = 64

// Handshakes watches, at a host's end of the wire, how its TCP connections to a
// VIP are opened and reset: when each SYN left and left again, when and from which
// Ethernet addresses it was answered. It keeps up with 20,000 SYNs a second, by
// looking at nothing else. All times are the kernel's, when the frame passed, and
// so hold on a busy machine too; what is known lags behind the wire a little, until
// Settle.
type Handshakes struct {
	tap
	// What follows is guarded by the tap's lock.
	tries   map[synKey]try
	resets  map[synKey]try
	sources []config.MAC // answerers; their places are the bits of try.by
}

// try is what is known of a SYN, or of the resets of a flow. Times are Unix times
// in nanoseconds, 0 for never.
type try struct {
	sent, answered, doubled int64

	times, answers uint32
	by             uint64
}

// Handshake is a SYN and what came of it.
type Handshake struct {
	SYN
	// Sent is when it left first; zero if only an answer was seen.
	Sent time.Time
	// Times is how often it left; more than 1 are retransmissions.
	Times int
	// Answered is when the first SYN-ACK came; zero if none did.
	Answered time.Time
	// By are the Ethernet sources of its SYN-ACKs. Two nodes that answer one SYN
	// have both accepted it.
	By []config.MAC
	// Doubled is when the first SYN-ACK of a second one came; zero if none did.
	Doubled time.Time
}

// Took is the time from the first SYN to the first SYN-ACK, false if one of them
// is missing.
func (h Handshake) Took() (time.Duration, bool) {
	if h.Sent.IsZero() || h.Answered.IsZero() {
		return 0, false
	}
	return h.Answered.Sub(h.Sent), true
}

// FlowReset is a flow that a node has reset.
type FlowReset struct {
	// Client and VIP are the flow's ends.
	Client, VIP netip.AddrPort
	// At is when the first reset came.
	At time.Time
	// By are the Ethernet sources of its resets.
	By []config.MAC
}

// WatchHandshakes starts to watch the host's connections to those addresses, VIP()
// and VIP6() if there are none. The caller closes it; Close of the lab does too.
func (h *Host) WatchHandshakes(vips ...netip.Addr) (*Handshakes, error) {
	if len(vips) == 0 {
		vips = []netip.Addr{VIP(), VIP6()}
	}
	filter, err := handshakeFilter(vips)
	if err != nil {
		return nil, err
	}
	w := &Handshakes{tries: map[synKey]try{}, resets: map[synKey]try{}}
	if err := w.open(h, filter, tapOption{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS}); err != nil {
		return nil, fmt.Errorf("lab: watch handshakes on %s: %w", h.Name, err)
	}
	raw, err := w.conn.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab: watch handshakes on %s: %w", h.Name, err), w.conn.Close())
	}
	go func() {
		defer close(w.done)
		w.ended(raw.Read(w.drain))
	}()
	if err := h.own(w); err != nil {
		return nil, err
	}
	return w, nil
}

// drain reads until the socket is empty; true ends the watch.
func (w *Handshakes) drain(fd uintptr) bool {
	frame := make([]byte, handshakeBytes)
	control := make([]byte, unix.CmsgSpace(16))
	for {
		n, controls, _, from, err := unix.Recvmsg(int(fd), frame, control, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			w.take(frame[:n], from, kernelTime(control[:controls]))
		case errors.Is(err, unix.EAGAIN):
			return false
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			// ENETDOWN is said once when the interface goes down; it may come back.
		default:
			w.ended(err)
			return true
		}
	}
}

// ended notes why the socket can no longer be read, unless Close is the reason.
func (w *Handshakes) ended(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.closed {
		w.err = errors.Join(w.err, fmt.Errorf("lab: watch handshakes: %w", err))
	}
}

// take counts one frame.
func (w *Handshakes) take(frame []byte, from unix.Sockaddr, at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frames++
	h, ok := readHandshake(frame)
	link, known := from.(*unix.SockaddrLinklayer)
	if !ok || !known || at == 0 {
		w.damaged++
		return
	}
	// The switch floods other clients' SYNs to this host too: they are not its own.
	if h.kind == synSent && link.Pkttype != unix.PACKET_OUTGOING {
		return
	}
	w.note(h, at)
}

// note adds to what is known of the SYN or the flow. The caller holds the lock.
func (w *Handshakes) note(h handshakeFrame, at int64) {
	if h.kind == synSent {
		t := w.tries[h.syn]
		if t.times == 0 {
			t.sent = at
		}
		t.times++
		w.tries[h.syn] = t
		return
	}
	table := w.tries
	if h.kind == flowReset {
		table = w.resets
	}
	t := table[h.syn]
	if t.answers == 0 {
		t.answered = at
	}
	t.answers++
	if bit := w.bit(h.source); t.by != 0 && t.by&bit == 0 && t.doubled == 0 {
		t.doubled = at
	}
	t.by |= w.bit(h.source)
	table[h.syn] = t
}

// bit is the answerer's. The caller holds the lock.
func (w *Handshakes) bit(source config.MAC) uint64 {
	i := slices.Index(w.sources, source)
	if i < 0 {
		i = len(w.sources)
		w.sources = append(w.sources, source)
	}
	if i >= maxAnswerers {
		w.err = errors.Join(w.err, fmt.Errorf("lab: more than %d Ethernet addresses answer for the VIP", maxAnswerers))
		return 0
	}
	return 1 << i
}

// macs are the answerers of those bits. The caller holds the lock.
func (w *Handshakes) macs(by uint64) []config.MAC {
	var all []config.MAC
	for i, mac := range w.sources {
		if by&(1<<i) != 0 {
			all = append(all, mac)
		}
	}
	return all
}

// handshake makes the public form. The caller holds the lock.
func (w *Handshakes) handshake(k synKey, t try) Handshake {
	return Handshake{SYN: k.syn(), Sent: unixTime(t.sent), Times: int(t.times), Answered: unixTime(t.answered), By: w.macs(t.by), Doubled: unixTime(t.doubled)}
}

func unixTime(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}

// Of returns what came of a SYN; false if it was not seen.
func (w *Handshakes) Of(s SYN) (Handshake, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.tries[keyOf(s)]
	return w.handshake(keyOf(s), t), ok
}

// All returns every SYN, in the order of the first sending.
func (w *Handshakes) All() []Handshake { return w.where(func(try) bool { return true }) }

// DoubleAnswers returns the SYNs that more than one node answered: the fault that
// must never be.
func (w *Handshakes) DoubleAnswers() []Handshake {
	return w.where(func(t try) bool { return t.by&(t.by-1) != 0 })
}

// Retransmitted returns the SYNs that left more than once.
func (w *Handshakes) Retransmitted() []Handshake {
	return w.where(func(t try) bool { return t.times > 1 })
}

func (w *Handshakes) where(want func(try) bool) []Handshake {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Handshake
	for k, t := range w.tries {
		if want(t) {
			all = append(all, w.handshake(k, t))
		}
	}
	slices.SortFunc(all, func(a, b Handshake) int { return a.Sent.Compare(b.Sent) })
	return all
}

// Resets returns the flows that nodes have reset, in order of time: those of these
// clients, or all if there are none.
func (w *Handshakes) Resets(clients ...netip.AddrPort) []FlowReset {
	wanted := make(map[netip.AddrPort]bool, len(clients))
	for _, c := range clients {
		wanted[c] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []FlowReset
	for k, t := range w.resets {
		s := k.syn()
		if len(wanted) == 0 || wanted[s.Client] {
			all = append(all, FlowReset{Client: s.Client, VIP: s.VIP, At: unixTime(t.answered), By: w.macs(t.by)})
		}
	}
	slices.SortFunc(all, func(a, b FlowReset) int { return a.At.Compare(b.At) })
	return all
}

// Forget forgets all SYNs and resets, not the errors.
func (w *Handshakes) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries, w.resets = map[synKey]try{}, map[synKey]try{}
}

// Close ends the watch and forgets what it saw.
func (w *Handshakes) Close() error {
	err := w.tap.Close()
	w.Forget()
	return err
}

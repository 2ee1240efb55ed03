package console

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"
)

// retryHearing is how long a node is let be that can't be followed.
const retryHearing = time.Second

// askedNote is said of a node whose release streams no state.
const askedNote = "its release does not tell of changes by itself: it is asked every second"

// errSilent is a stream of another node's state on which nothing comes any more.
var errSilent = errors.New("it has said nothing for too long")

// heard is what the other nodes say of themselves, each by a stream of its own, for as
// long as somebody here watches the farm. So what changes elsewhere is seen as soon as
// what changes here, and a node that does not answer holds up nobody.
type heard struct {
	server *Server
	ctx    context.Context
	rings  chan struct{}

	mu     sync.Mutex
	voices map[peer]*voice
}

// voice is what one node has said.
type voice struct {
	stop    context.CancelFunc // of the listening
	status  *Status            // nil if it says nothing
	at      time.Time
	problem string // why it says nothing
	note    string // how it is listened to, if not by a stream
}

// listen is the beginning of watching the farm.
func (s *Server) listen(ctx context.Context) (look func() any, rings <-chan struct{}) {
	h := &heard{server: s, ctx: ctx, rings: make(chan struct{}, 1), voices: make(map[peer]*voice)}
	for _, n := range s.gather(ctx, s.farm.Status()).Nodes { // so that the first picture is whole
		if n.Status != nil || n.Problem != "" {
			h.voices[peer{n.Name, n.Address}] = &voice{status: n.Status, at: n.Time, problem: n.Problem}
		}
	}
	return h.look, h.rings
}

// look is the farm with what was heard last. What this node says comes first, for it
// may take seconds, in which the others are heard all the same; so what is shown of
// them is never older. It is for one goroutine.
func (h *heard) look() any {
	own := h.server.farm.Status()
	h.mu.Lock()
	defer h.mu.Unlock()
	there := make(map[peer]bool)
	out := pictureOf(own, func(n Node, into *FarmNode) {
		from := peer{n.Name, n.Address}
		there[from] = true
		v := h.voiceOf(n, from)
		if into.Problem, into.Note = v.problem, v.note; v.status != nil {
			into.says(*v.status, v.at)
		}
	})
	if own.answered() == nil { // else it has named nobody
		h.hangUp(there)
	}
	return out
}

// hangUp listens no more to who has gone, or is not heard any more. The caller holds
// the lock.
func (h *heard) hangUp(there map[peer]bool) {
	for from, v := range h.voices {
		if there[from] {
			continue
		}
		if v.stop != nil {
			v.stop()
		}
		delete(h.voices, from)
	}
}

// voiceOf is a node's, which is listened to from now on. The caller holds the lock.
func (h *heard) voiceOf(n Node, from peer) *voice {
	v := h.voices[from]
	if v == nil {
		v = new(voice)
		h.voices[from] = v
	}
	if v.stop == nil {
		var ctx context.Context
		ctx, v.stop = context.WithCancel(h.ctx)
		h.server.running.Go(func() { h.follow(ctx, n, v) })
	}
	return v
}

// follow listens to a node until ctx is done. A stream that ends is begun again at
// once, as after a restart; one that does not begin, after a while. A node that knows
// no such stream is asked instead, until its release is another one.
func (h *heard) follow(ctx context.Context, n Node, v *voice) {
	for ctx.Err() == nil {
		said, err := h.hear(ctx, n, v)
		if said || ctx.Err() != nil {
			continue
		}
		if streamsNone(err) {
			err = h.ask(ctx, n, v)
		}
		if err != nil {
			h.note(v, func() { v.status, v.problem, v.note = nil, err.Error(), "" })
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryHearing):
		}
	}
}

// hear follows one stream to its end, and tells whether anything was said on it. Who
// says nothing for longer than one who is asked may take has hung.
func (h *heard) hear(ctx context.Context, n Node, v *voice) (said bool, err error) {
	c, err := h.server.peers.client(n, "")
	if err != nil {
		return false, err
	}
	ctx, end := h.server.peers.underKeys(ctx)
	defer end()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(farmTimeout, func() { cancel(errSilent) })
	defer silence.Stop()
	err = c.FollowStatus(ctx, func(s Status) error {
		silence.Reset(watchInterval + farmTimeout)
		said = true
		h.note(v, func() { v.status, v.at, v.problem, v.note = &s, time.Now(), "", "" })
		return nil
	})
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return false, cause
	}
	return said, err
}

// streamsNone tells whether a node has refused to be followed because it knows of no
// such thing.
func streamsNone(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == CodeBadRequest
}

// ask asks a node once.
func (h *heard) ask(ctx context.Context, n Node, v *voice) error {
	ctx, cancel := context.WithTimeout(ctx, farmTimeout)
	defer cancel()
	s, err := h.server.statusOf(ctx, n)
	if err == nil {
		h.note(v, func() { v.status, v.at, v.problem, v.note = &s, time.Now(), "", askedNote })
	}
	return err
}

// note changes what is known of a node, and rings if that is more than figures.
func (h *heard) note(v *voice, change func()) {
	h.mu.Lock()
	status, problem, how := v.status, v.problem, v.note
	change()
	news := problem != v.problem || how != v.note || !alike(status, v.status)
	h.mu.Unlock()
	if !news {
		return
	}
	select {
	case h.rings <- struct{}{}:
	default:
	}
}

// alike tells whether two states are the same but for figures that always move.
func alike(a, b *Status) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(still(*a), still(*b))
}

// still is a state without what always moves.
func still(s Status) Status {
	s.Datapath, s.Neighbours, s.Cluster, s.Lease, s.Nodes = Datapath{}, nil, nil, nil, nil
	rules := make([]Rule, len(s.Rules))
	for i, r := range s.Rules {
		r.Flows, r.Unsettled, r.Sticky = 0, 0, 0
		rules[i] = r
	}
	s.Rules = rules
	return s
}

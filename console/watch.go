package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// watchInterval is how often is looked while somebody watches, if nothing happens.
	watchInterval = time.Second
	// watchGap is the least time between two looks, when much happens at once.
	watchGap = 100 * time.Millisecond
	// watchWrite is how long a watcher may take to take one picture of the farm.
	watchWrite = 10 * time.Second
	// watchStill is how often is looked whether who watches may still come in.
	watchStill = time.Second
)

// How many streams may be open: of people and tools, and of who asks by the socket,
// which leaves most of its connections for requests.
const (
	maxStreams       = 128
	maxSocketStreams = 64
)

// watch shows one thing to all who watch it together, and looks at it only while
// somebody does.
type watch struct {
	server *Server
	name   string // of its server-sent events
	begin  beginning

	mu       sync.Mutex
	watchers int
	stop     context.CancelFunc // of the looking; nil while nobody watches
	picture  []byte             // the newest, as it is sent
	next     chan struct{}      // closed when there is a newer one
}

// beginning begins to look at something until ctx is done: look is what there is to
// see, rings tells of what has changed and is no event of this node's; nil for never.
type beginning func(ctx context.Context) (look func() any, rings <-chan struct{})

func newWatch(s *Server, name string, begin beginning) *watch {
	return &watch{server: s, name: name, begin: begin, next: make(chan struct{})}
}

// send sends pictures as they come, until ctx is done or the reader
// has gone. One that is too slow misses some.
func (f *watch) send(ctx context.Context, w io.Writer, rc *http.ResponseController) {
	f.enter()
	defer f.leave()
	out := hurried{ctx, w, rc}
	for {
		picture, next := f.look()
		if picture != nil {
			if _, err := out.Write(picture); err != nil || out.Flush() != nil {
				return
			}
		}
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
	}
}

func (f *watch) look() ([]byte, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.picture, f.next
}

// enter begins the looking with the first watcher, leave ends it with the last.
func (f *watch) enter() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers++; f.watchers > 1 {
		return
	}
	ctx, stop := context.WithCancel(f.server.closing)
	f.stop, f.picture = stop, nil
	f.server.begin(func() { f.run(ctx) })
}

func (f *watch) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers--; f.watchers == 0 {
		f.stop()
	}
}

// run looks at once, every interval, and as soon as something has happened.
func (f *watch) run(ctx context.Context) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	happened := f.server.log.Follow(0)
	look, rings := f.begin(ctx)
	for ctx.Err() == nil {
		wake := happened.wait()
		f.publish(ctx, look())
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchGap):
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-rings:
		case <-tick.C:
		}
	}
}

func (f *watch) publish(ctx context.Context, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		f.server.logger.Error("what is watched can't be shown", "what", f.name, "error", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return // another run has begun
	}
	f.picture = fmt.Appendf(nil, "event: %s\ndata: %s\n\n", f.name, bytes.TrimSpace(data))
	close(f.next)
	f.next = make(chan struct{})
}

// wait passes over all events that there are, and returns what is closed when
// there is a new one.
func (f *Follower) wait() <-chan struct{} {
	for {
		if events, wake := f.take(); len(events) == 0 {
			return wake
		}
	}
}

// stream sends by send until the client leaves or the server shuts down.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, send func(context.Context, io.Writer, *http.ResponseController)) error {
	ctx, rc, done, err := s.lasting(w, r)
	if err != nil {
		return err
	}
	defer done()
	// The reader must learn that it is connected before the first event comes.
	if !beginStream(w, rc, "text/event-stream") || r.Method == http.MethodHead {
		return nil
	}
	send(ctx, w, rc)
	return nil
}

// lasting makes a request one that may go on until its context ends: when the client
// leaves, its session ends or the server shuts down. done is called at the end.
func (s *Server) lasting(w http.ResponseWriter, r *http.Request) (ctx context.Context, rc *http.ResponseController, done func(), err error) {
	uncount, err := s.countStream(callerOf(r))
	if err != nil {
		return nil, nil, nil, err
	}
	if rc, err = unhurried(w); err != nil {
		uncount()
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	if still := callerOf(r).still; still != nil {
		go endWithout(ctx, still, cancel)
	}
	bounded := make(chan struct{})
	stop := context.AfterFunc(s.closing, func() {
		defer close(bounded)
		cancel()
		_ = rc.SetWriteDeadline(time.Now().Add(closingGrace))
	})
	return ctx, rc, func() {
		if !stop() {
			<-bounded // the connection is the server's again once the request is over
		}
		cancel()
		uncount()
	}, nil
}

// countStream takes a place for a stream of that caller, which uncount gives back. Other
// nodes' streams are as few as their connections.
func (s *Server) countStream(c caller) (uncount func(), err error) {
	open, most := &s.streams, int64(maxStreams)
	switch {
	case c.peer != "":
		return func() {}, nil
	case !c.remote:
		open, most = &s.socketStreams, maxSocketStreams
	}
	if open.Add(1) > most {
		open.Add(-1)
		return nil, &Error{Code: CodeTooMany, Message: fmt.Sprintf("%d streams are open already", most), Cure: "close some, or ask again from time to time"}
	}
	return func() { open.Add(-1) }, nil
}

// beginStream answers with the head of a stream; false if the client has gone.
func beginStream(w http.ResponseWriter, rc *http.ResponseController, kind string) bool {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return rc.Flush() == nil
}

// endWithout ends a stream when still says that its caller may not come in any
// more: the session has ended, the token has expired, or their role is another one.
func endWithout(ctx context.Context, still func() bool, end context.CancelFunc) {
	tick := time.NewTicker(watchStill)
	defer tick.Stop()
	for still() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	end()
}

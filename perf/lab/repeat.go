package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/mdlayher/packet"

	"thresher/config"
)

// heartbeatType is the EtherType of heartbeats.
const heartbeatType = 0x88b5

// Repeater says again, late and in another order, what it heard of the nodes'
// heartbeats.
type Repeater struct {
	conn    *packet.Conn
	mac     config.MAC
	copies  int
	late    time.Duration
	stop    context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup

	mu   sync.Mutex
	said int
	err  error
}

// RepeatHeartbeats broadcasts each heartbeat that the host hears so many times
// again, each time up to late afterwards: duplicated, reordered, and old. The
// frames have the host's own Ethernet source, or the switch would learn that the
// nodes live there. Close ends it; Close of the lab does too.
func (h *Host) RepeatHeartbeats(copies int, late time.Duration) (*Repeater, error) {
	r := &Repeater{mac: h.MAC, copies: copies, late: late}
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName(Interface)
		if err != nil {
			return err
		}
		r.conn, err = packet.Listen(ifi, packet.Raw, heartbeatType, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lab: repeat heartbeats on %s: %w", h.Name, err)
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	r.running.Go(r.listen)
	if err := h.own(r); err != nil {
		return nil, err
	}
	return r, nil
}

// listen hears until Close.
func (r *Repeater) listen() {
	buf := make([]byte, 2048)
	for {
		n, _, err := r.conn.ReadFrom(buf)
		if err != nil {
			r.failed(err)
			return
		}
		if n < 14 || config.MAC(buf[6:12]) == r.mac {
			continue
		}
		frame := append([]byte(nil), buf[:n]...)
		copy(frame[6:12], r.mac[:])
		for range r.copies {
			r.running.Go(func() { r.say(frame) })
		}
	}
}

// say sends a frame some time from now.
func (r *Repeater) say(frame []byte) {
	select {
	case <-r.ctx.Done():
		return
	case <-time.After(time.Duration(rand.Int64N(int64(r.late)))):
	}
	if err := sendFrame(r.conn, frame, config.MAC(frame[:6])); err != nil {
		r.failed(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said++
}

func (r *Repeater) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() == nil && !errors.Is(err, os.ErrClosed) {
		r.err = errors.Join(r.err, fmt.Errorf("lab: repeat heartbeats: %w", err))
	}
}

// Said is how many frames were sent so far.
func (r *Repeater) Said() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said
}

// Close ends it and says what went wrong. It may be called more than once.
func (r *Repeater) Close() error {
	r.stop()
	err := r.conn.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, err)
}

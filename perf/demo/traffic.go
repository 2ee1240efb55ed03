package demo

import (
	"context"
	"io"
	"net/netip"
	"sync"
	"time"

	"thresher/perf/lab"
)

// answer is what came back to one client.
type answer struct {
	node string // "" if nothing did
	at   time.Time
}

// patience is how often a client tries.
type patience struct {
	tries   int
	timeout time.Duration
}

var (
	// once is a client that expects an answer. The kernel sends its SYN again
	// after a second (RFC 6298 §2), so that one lost packet is no failure.
	once = patience{tries: 1, timeout: 5 * time.Second}
	// untilAnswered is a client that tries anew from another port all the time,
	// so that the moment of the first answer can be seen.
	untilAnswered = patience{tries: 60, timeout: 200 * time.Millisecond}
)

// parallel is how many clients are under way at once.
const parallel = 64

// Where somebody watches, clients start so far apart, and what is left of a
// round stays for a moment.
const (
	apart  = 5 * time.Millisecond
	linger = time.Second
)

// traffic sends one request from each client address and returns the answers in
// the order of the addresses. The error is the context's.
func (d *demo) traffic(ctx context.Context, p patience) ([]answer, error) {
	addresses := d.lab.Clients[0].Addresses
	answers := make([]answer, len(addresses))
	d.picture.begin()
	var all sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, address := range addresses {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			answers[i] = d.ask(ctx, address, p)
			d.picture.answered(answers[i].node)
		})
		if d.pauseToWatch(ctx, apart) != nil {
			break
		}
	}
	all.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	d.picture.end()
	return answers, d.pauseToWatch(ctx, linger)
}

// pauseToWatch waits if somebody watches. The error is the context's.
func (d *demo) pauseToWatch(ctx context.Context, t time.Duration) error {
	if !d.picture.watched() {
		return ctx.Err()
	}
	return pause(ctx, t)
}

// pause waits. The error is the context's.
func pause(ctx context.Context, t time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(t):
		return nil
	}
}

// ask requests the page that names its node.
func (d *demo) ask(ctx context.Context, from netip.Addr, p patience) answer {
	for range p.tries {
		if ctx.Err() != nil {
			break
		}
		if node, err := d.get(ctx, from, p.timeout); err == nil {
			return answer{node: node, at: time.Now()}
		}
	}
	return answer{}
}

// firstPort is the first of the clients' ports. A demo opens 24,800 connections at most.
const firstPort = 10000

func (d *demo) get(ctx context.Context, from netip.Addr, timeout time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	port := firstPort + uint16(d.opened.Add(1))
	conn, err := d.lab.Clients[0].Dial(ctx, "tcp", netip.AddrPortFrom(from, port), netip.AddrPortFrom(lab.VIP(), 80))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// The connection hears of the end of patience, and of an interrupt.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(0, 0)) })()
	return request(conn)
}

// request speaks HTTP/1.0, so that the answer ends with the connection.
func request(conn io.ReadWriter) (string, error) {
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	return readBody(conn)
}

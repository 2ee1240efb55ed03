// Package notify tells people and programs what happens: by mail, a web request or
// a program. Each of them is told on a goroutine of its own, so that one that does
// not answer holds up neither the others nor the daemon.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"thresher/config"
)

// Message is one thing that has happened.
type Message struct {
	Time    time.Time         `json:"time"`
	Node    string            `json:"node"`
	Kind    string            `json:"kind"`
	Level   string            `json:"level"`
	Message string            `json:"message"`
	Fields  map[string]string `json:"fields,omitempty"`
}

// Sender tells somebody of messages, in their order.
type Sender interface {
	Send(ctx context.Context, messages []Message) error
	// Group is for how long messages are gathered after the first; 0 for not at all.
	Group() time.Duration
	// String says who is told, for the log.
	String() string
}

const (
	// queued is how many messages wait for one who does not answer; more are lost.
	queued = 256
	// patience is how long one attempt may take, attempts how many there are.
	patience = 30 * time.Second
	attempts = 3
	// between is how long after an attempt that failed the next one is.
	between = 10 * time.Second
)

// Dispatcher hands messages to all who want them.
type Dispatcher struct {
	targets []*target
	log     *slog.Logger
}

type target struct {
	to     config.Notify
	sender Sender
	states bool
	queue  chan Message

	mu      sync.Mutex
	waiting []Message // posted and not told, in their order: what is in queue, and what was taken out of it
}

// New makes what tells those that the configuration names.
func New(list []config.Notify, log *slog.Logger) *Dispatcher {
	d := &Dispatcher{log: log}
	for _, n := range list {
		d.targets = append(d.targets, &target{to: n, sender: NewSender(n), states: n.States, queue: make(chan Message, queued)})
	}
	return d
}

// NewSender makes what tells one of them.
func NewSender(n config.Notify) Sender {
	switch {
	case n.Email != nil:
		return email{*n.Email}
	case n.Webhook != "":
		return webhook{n.Webhook}
	}
	return program{n.Command}
}

// Post hands a message on. It never waits: what finds a full queue is lost.
func (d *Dispatcher) Post(m Message) {
	for _, t := range d.targets {
		if t.states && m.Kind != "state" {
			continue
		}
		d.post(t, m)
	}
}

func (d *Dispatcher) post(t *target, m Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case t.queue <- m:
		t.waiting = append(t.waiting, m)
	default:
		d.log.Warn("a notification is lost: too many wait", "to", t.sender.String())
	}
}

// Run tells until ctx is done. What was posted by then is told yet, once.
func (d *Dispatcher) Run(ctx context.Context) {
	done := make(chan struct{})
	for _, t := range d.targets {
		go func() { d.serve(ctx, t); done <- struct{}{} }()
	}
	for range d.targets {
		<-done
	}
}

func (d *Dispatcher) serve(ctx context.Context, t *target) {
	for {
		messages := t.await(ctx)
		if len(messages) == 0 {
			return
		}
		if err := deliver(ctx, t.sender, messages); err != nil {
			d.log.Error("a notification was not delivered", "to", t.sender.String(), "err", err)
		}
		t.done(len(messages))
	}
}

// done strikes off the first messages, which are told or lost.
func (t *target) done(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = slices.Delete(t.waiting, 0, n)
}

// await waits for messages; there are none when ctx is done and all are told.
func (t *target) await(ctx context.Context) []Message {
	select {
	case m := <-t.queue:
		return t.gather(ctx, []Message{m})
	case <-ctx.Done():
		return t.left(nil)
	}
}

// left are the messages that wait, behind those.
func (t *target) left(messages []Message) []Message {
	for {
		select {
		case m := <-t.queue:
			messages = append(messages, m)
		default:
			return messages
		}
	}
}

// gather waits for what else happens in the time.
func (t *target) gather(ctx context.Context, messages []Message) []Message {
	span := t.sender.Group()
	if span == 0 {
		return messages
	}
	end := time.NewTimer(span)
	defer end.Stop()
	for {
		select {
		case m := <-t.queue:
			messages = append(messages, m)
		case <-end.C:
			return messages
		case <-ctx.Done():
			return t.left(messages)
		}
	}
}

// deliver tries a few times; once only when the daemon goes.
func deliver(ctx context.Context, s Sender, messages []Message) error {
	var err error
	for i := range attempts {
		if i > 0 {
			select {
			case <-time.After(between):
			case <-ctx.Done():
				return err
			}
		}
		// A daemon that goes says so yet.
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		stop := context.AfterFunc(ctx, func() { time.AfterFunc(leaving, cancel) })
		err = s.Send(attempt, messages)
		stop()
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("after %d attempts: %w", attempts, err)
}

// leaving is how long a daemon that goes waits for a delivery.
const leaving = 2 * time.Second

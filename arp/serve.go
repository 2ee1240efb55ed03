package arp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrGone says that the interface was deleted.
var ErrGone = errors.New("the interface is gone")

const (
	// lookAround is how often a quiet reader looks whether its interface still
	// exists: the kernel does not wake it when an interface goes that was down.
	lookAround = 5 * time.Second
	// The wait after a passing socket error doubles from the first to the last.
	firstWait = 10 * time.Millisecond
	lastWait  = time.Second
)

// Serve answers requests and makes announcements until the context ends or the
// Responder is closed, and then returns nil. Malformed frames are counted only.
// A link that goes down is waited for. Any other error ends it: ErrGone when the
// interface was deleted, or the socket's own. Serve once only.
func (r *Responder) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var announcing sync.WaitGroup
	announcing.Go(func() { r.announcer.Run(ctx) })
	defer announcing.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = r.wire.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for wait := firstWait; ; {
		switch err := r.receive(ctx); {
		case ctx.Err() != nil || r.closed.Load():
			return nil
		case err == nil:
			wait = firstWait
		case !isPassing(err):
			return fmt.Errorf("receive neighbours' questions on %s: %w", r.name, err)
		default:
			r.passing(err)
			pause(ctx, wait)
			wait = min(2*wait, lastWait)
		}
	}
}

// receive takes one frame, or finds the segment quiet. Its error is the
// socket's: what a frame holds is never one.
func (r *Responder) receive(ctx context.Context) error {
	if err := r.wire.SetReadDeadline(time.Now().Add(lookAround)); err != nil {
		return &socketError{err}
	}
	if ctx.Err() != nil {
		// It may have ended before the deadline was set, which has then
		// overwritten the one that was to end the read.
		return nil
	}
	m, err := r.wire.read()
	var refused refusal
	switch {
	case err == nil:
		r.counts.frames[r.handle(m, time.Now())].Add(1)
		return nil
	case errors.As(err, &refused):
		r.counts.frames[Reason(refused)].Add(1)
		return nil
	case r.gone():
		return ErrGone
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return err
}

// passing counts a passing error, and after a link failure has the neighbours
// told as soon as frames leave again.
func (r *Responder) passing(err error) {
	r.counts.readErrors.Add(1)
	if errors.Is(err, unix.ENETDOWN) {
		// Who watches the link says so too when it is back; this is for who does not.
		r.announcer.Restart()
	}
}

// isPassing tells whether a socket error goes away by itself: the link is down,
// or memory is short.
func isPassing(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains(
		[]syscall.Errno{unix.ENETDOWN, unix.ENOBUFS, unix.ENOMEM, unix.EINTR, unix.EAGAIN}, errno)
}

// pause waits, but not beyond the context's end.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

package lab

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// ErrClosed is returned by calls on a lab, or a part of one, after Close.
var ErrClosed = errors.New("lab: closed")

// onFreshThread runs fn on an OS thread that fn may change as it likes: the
// thread ends with fn instead of going back to the scheduler.
//
// It is never the process's first thread. That one cannot end: the runtime
// parks it for ever, and it would keep its namespace alive.
func onFreshThread(fn func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			fn()
			return
		}
		// While this goroutine holds the first thread, another cannot get it.
		started := make(chan struct{})
		onFreshThread(func() { close(started); fn() })
		<-started
		runtime.UnlockOSThread()
	}()
}

// thread is one OS thread that lives inside a namespace and runs functions one
// after another. Child processes are started on it because the kernel sends
// their parent-death signal when the thread that forked them ends, not when the
// process does (prctl(2), PR_SET_PDEATHSIG).
type thread struct {
	work chan func()
	quit chan struct{}
}

// startThread runs enter on a new thread and, if that works, keeps the thread.
func startThread(enter func() error) (*thread, error) {
	t := &thread{work: make(chan func()), quit: make(chan struct{})}
	entered := make(chan error)
	onFreshThread(func() {
		err := enter()
		entered <- err
		if err == nil {
			t.loop()
		}
	})
	if err := <-entered; err != nil {
		return nil, err
	}
	return t, nil
}

func (t *thread) loop() {
	for {
		select {
		case fn := <-t.work:
			fn()
		case <-t.quit:
			return
		}
	}
}

// do runs fn on the thread and returns what it returns.
func (t *thread) do(fn func() error) error {
	result := make(chan error, 1)
	select {
	case t.work <- func() { result <- fn() }:
		return <-result
	case <-t.quit:
		return ErrClosed
	}
}

// stop ends the thread after the function that it is running. Once only.
func (t *thread) stop() { close(t.quit) }

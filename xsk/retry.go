package xsk

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A queue that another socket has just left stays bound for a while, since the
// kernel lets go of it asynchronously: 15 to 180 ms were measured. Opening is
// tried anew every bindPause, for bindPatience at most.
const (
	bindPause    = 5 * time.Millisecond
	bindPatience = 2 * time.Second
)

// whileBusy calls open until it gives something other than EBUSY.
func whileBusy[T any](patience time.Duration, open func() (T, error)) (T, error) {
	deadline := time.Now().Add(patience)
	for {
		v, err := open()
		if err == nil || !isBusy(err) {
			return v, err
		}
		if time.Now().After(deadline) {
			return v, fmt.Errorf("another program has an AF_XDP socket on this queue: stop it first: %w", err)
		}
		time.Sleep(bindPause)
	}
}

func isBusy(err error) bool { return says(err, unix.EBUSY) }

// says looks at the text: asavie/xdp does not wrap its errors.
func says(err error, errno unix.Errno) bool { return strings.Contains(err.Error(), errno.Error()) }

// sparing spares opens that leave something behind when they fail: asavie/xdp keeps the
// memory and three rings, some megabytes. After the first, probe says when the queue is
// free. The kernel lets go of it after that asynchronously, too, so that each open then
// comes after a pause, which doubles: nine in bindPatience.
func sparing[T any](probe func() error, open func() (T, error)) func() (T, error) {
	tried, free, pause := false, false, bindPause
	return func() (v T, err error) {
		if tried && !free {
			if err := probe(); err != nil {
				return v, err
			}
			free = true
		}
		if free {
			time.Sleep(pause)
			pause *= 2
		}
		tried = true
		return open()
	}
}

// Probe binds a queue of an interface with as little memory as there can be, and gives
// it back: an error says that it cannot be opened. For some milliseconds afterwards it
// cannot be either.
func Probe(ifindex, queue int) error {
	memory := MemoryOptions{Frames: 2, FrameSize: 2048}
	area, err := unix.Mmap(-1, 0, memory.Frames*memory.FrameSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("map memory: %w", err)
	}
	t, err := newTransmitter(ifindex, queue, area, memory)
	if err == nil {
		err = t.close()
	}
	return errors.Join(err, unix.Munmap(area))
}

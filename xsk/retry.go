package xsk

import (
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
func whileBusy[T any](what string, open func() (T, error)) (T, error) {
	deadline := time.Now().Add(bindPatience)
	for {
		v, err := open()
		if err == nil || !isBusy(err) {
			return v, err
		}
		if time.Now().After(deadline) {
			return v, fmt.Errorf("%s: another program has an AF_XDP socket on this queue: stop it first: %w", what, err)
		}
		time.Sleep(bindPause)
	}
}

// isBusy looks at the text, too: asavie/xdp does not wrap its errors.
func isBusy(err error) bool { return strings.Contains(err.Error(), unix.EBUSY.Error()) }

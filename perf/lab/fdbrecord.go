package lab

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// FDBRecord is everything that the switch's forwarding table ever held since
// RecordFDB, told by the kernel at each change: an address that was learnt and
// forgotten again is in it.
type FDBRecord struct {
	sw    *Host
	ports ports // used by the collector alone
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once

	mu   sync.Mutex
	seen map[config.MAC]map[string]bool
	err  error
}

// RecordFDB starts a record of the switch's forwarding table. The caller closes
// it; Close of the lab does too.
func (l *Lab) RecordFDB() (*FDBRecord, error) {
	names, err := l.Switch.ports()
	if err != nil {
		return nil, err
	}
	r := &FDBRecord{
		sw: l.Switch, ports: names,
		stop: make(chan struct{}), done: make(chan struct{}),
		seen: map[config.MAC]map[string]bool{},
	}
	updates := make(chan netlink.NeighUpdate)
	options := netlink.NeighSubscribeOptions{
		ErrorCallback: r.fail,
		ListExisting:  true,
		// Room for a few thousand changes while this process has no CPU.
		ReceiveBufferSize: 4 << 20, ReceiveBufferForceSize: true,
	}
	err = l.Switch.thread.do(func() error {
		return netlink.NeighSubscribeWithOptions(updates, r.stop, options)
	})
	if err != nil {
		return nil, fmt.Errorf("lab: watch the switch's forwarding table: %w", err)
	}
	go r.collect(updates)
	if err := l.Switch.own(r); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *FDBRecord) collect(updates <-chan netlink.NeighUpdate) {
	defer close(r.done)
	for u := range updates {
		e, ok := r.ports.entry(u.Neigh)
		if !ok || u.Type != unix.RTM_NEWNEIGH {
			continue
		}
		if e.Port == "" {
			e.Port = r.newPort(u.LinkIndex)
		}
		r.mu.Lock()
		if r.seen[e.MAC] == nil {
			r.seen[e.MAC] = map[string]bool{}
		}
		r.seen[e.MAC][e.Port] = true
		r.mu.Unlock()
	}
}

// newPort names a port that was plugged in after the record began.
func (r *FDBRecord) newPort(index int) string {
	names, err := r.sw.ports()
	if err != nil {
		r.fail(err)
		return ""
	}
	maps.Copy(r.ports, names)
	return r.ports[index]
}

// fail notes the first error, but not the one that stopping causes.
func (r *FDBRecord) fail(err error) {
	select {
	case <-r.stop:
		return
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = fmt.Errorf("lab: watch the switch's forwarding table: %w", err)
	}
}

// Ports lists the ports that the address was ever seen on, sorted. An error says
// that the record has a hole, so that an empty list proves nothing.
func (r *FDBRecord) Ports(mac config.MAC) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.seen[mac])), r.err
}

// Close ends the record, which can still be read.
func (r *FDBRecord) Close() error {
	r.once.Do(func() { close(r.stop) })
	<-r.done
	return nil
}

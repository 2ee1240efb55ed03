package xsk

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
)

// MaxClients is how many clients the program remembers, and of how many it can be
// told whose they are.
const MaxClients = 1 << 17

// Client is a client of a rule, by the rule's number.
type Client struct {
	Addr netip.Addr
	Rule uint32
}

// ClientStanding is what a node has learnt of a client, as enum client of
// xsk/bpf/sticky.h.
type ClientStanding uint32

// What can be learnt of a client.
const (
	// ClientUnknown is one that must be asked about.
	ClientUnknown ClientStanding = iota
	// ClientMine is one that no other node remembers.
	ClientMine
	// ClientElsewhere is one that another node remembers.
	ClientElsewhere
)

// clientKey is struct client_key.
type clientKey struct {
	Addr [16]byte
	Rule uint32
}

func (c Client) key() clientKey { return clientKey{c.Addr.As16(), c.Rule} }

// Learn tells the program whose a client is. One goroutine at a time, as
// ForgetLearnt.
func (p *Program) Learn(c Client, s ClientStanding) error {
	if s != ClientUnknown {
		if err := p.objects.Learnt.Put(c.key(), uint32(s)); err != nil {
			return fmt.Errorf("tell the XDP program whose a client is: %w", err)
		}
		p.learnt[c] = struct{}{}
		return nil
	}
	delete(p.learnt, c)
	if err := p.objects.Learnt.Delete(c.key()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("make the XDP program forget whose a client is: %w", err)
	}
	return nil
}

// ForgetLearnt makes all clients unknown. When it returns, no packet is judged by
// what the program knew.
func (p *Program) ForgetLearnt() error {
	for c := range p.learnt {
		if err := p.Learn(c, ClientUnknown); err != nil {
			return err
		}
	}
	return p.await()
}

// SetGrant lets clients that are remembered open flows in others' sticky buckets
// until a time, in nanoseconds of CLOCK_BOOTTIME. With wait, no packet is judged by
// the earlier time when it returns.
func (p *Program) SetGrant(until int64, wait bool) error {
	if _, err := runUntil(p.objects.SetGrant, uint64(max(0, until))); err != nil {
		return fmt.Errorf("set until when the XDP program keeps clients: %w", err)
	}
	if !wait {
		return nil
	}
	return p.await()
}

// Remembers says whether the program remembers a client. Any goroutine may call
// this and the following methods.
func (p *Program) Remembers(c Client) (bool, error) {
	var seen uint64
	err := p.objects.Clients.Lookup(c.key(), &seen)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look a client up: %w", err)
	}
	return true, nil
}

// Remembered returns the clients that the program remembers, and when each was
// last let in, in nanoseconds of CLOCK_BOOTTIME. One that comes or goes meanwhile
// may be missing.
func (p *Program) Remembered() (map[Client]int64, error) {
	found := make(map[Client]int64)
	var key clientKey
	var seen uint64
	all := p.objects.Clients.Iterate()
	for all.Next(&key, &seen) {
		found[Client{netip.AddrFrom16(key.Addr).Unmap(), key.Rule}] = int64(seen)
	}
	if err := all.Err(); err != nil {
		return nil, fmt.Errorf("list the clients that are remembered: %w", err)
	}
	return found, nil
}

// Remember makes the program remember a client, as let in at a time.
func (p *Program) Remember(c Client, seen int64) error {
	if err := p.objects.Clients.Put(c.key(), uint64(seen)); err != nil {
		return fmt.Errorf("remember a client: %w", err)
	}
	return nil
}

// Forget makes the program forget clients. When it returns, no packet is judged by
// their having been remembered.
func (p *Program) Forget(clients []Client) error {
	if len(clients) == 0 {
		return nil
	}
	for _, c := range clients {
		if err := p.objects.Clients.Delete(c.key()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget a client: %w", err)
		}
	}
	return p.await()
}

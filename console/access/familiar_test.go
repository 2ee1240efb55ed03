package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// Wrong passwords from a network that one machine may have all of lock the network, but
// for the address that somebody has logged in from.
func TestNetworksAreLocked(t *testing.T) {
	k, _, _, _ := newKeeper(t)
	at := func(network, host int) netip.Addr {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::%x", network, host))
	}
	login := func(from netip.Addr, password string) error {
		_, err := k.Login(t.Context(), from, "alice", password)
		return err
	}
	if err := login(at(1, 1), password); err != nil {
		t.Fatal(err)
	}
	for i := range failsPerAddress {
		k.Failed(at(1, 100+i))
	}
	var locked *LockedError
	if err := login(at(1, 2), password); !errors.As(err, &locked) || k.Locked(at(1, 3)) == nil {
		t.Errorf("another address of the network: %v", err)
	}
	if err := errors.Join(login(at(1, 1), password), login(at(2, 1), password), k.Locked(client)); err != nil {
		t.Errorf("a familiar one, and others: %v", err)
	}
	// One user's, with fewer tries.
	for i := range failsPerUser {
		if err := login(at(3, i), "wrong"); !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
	}
	if err := login(at(3, 100), password); !errors.As(err, &locked) {
		t.Errorf("%v", err)
	}
}

// Whoever takes all the places of those who wait leaves some to addresses that somebody
// has logged in from.
func TestFamiliarAddressesFindAPlace(t *testing.T) {
	k, _, _, _ := newKeeper(t)
	login := func(ctx context.Context, from netip.Addr) error {
		_, err := k.Login(ctx, from, "alice", password)
		return err
	}
	if err := login(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for range maxWaiting {
		k.waiting <- struct{}{}
	}
	if err := login(t.Context(), client.Next()); !errors.Is(err, ErrBusy) {
		t.Errorf("a stranger: %v", err)
	}
	for range keptWaiting + 1 { // the places are given back
		if err := login(t.Context(), client); err != nil {
			t.Errorf("a familiar address: %v", err)
		}
	}
	for range keptWaiting {
		k.kept <- struct{}{}
	}
	if err := login(t.Context(), client); !errors.Is(err, ErrBusy) {
		t.Errorf("a familiar address, and no place: %v", err)
	}
}

// So many addresses are familiar and no more, the last ones.
func TestFamiliarIsBounded(t *testing.T) {
	f, now := make(familiar), time.Now()
	a := client
	for range maxFamiliar {
		f.add(now, a)
		now, a = now.Add(time.Second), a.Next()
	}
	f.add(now, client) // it is here again
	f.add(now, a)
	if len(f) != maxFamiliar || !f.has(client) || f.has(client.Next()) || !f.has(a) {
		t.Errorf("%d are familiar; %v %v %v", len(f), f.has(client), f.has(client.Next()), f.has(a))
	}
}

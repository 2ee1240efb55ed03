package farm

import (
	"context"
	"errors"
	"fmt"

	"thresher/config"
	"thresher/console"
	"thresher/farm/confirmation"
	"thresher/internal/wholefile"
)

// The farm's gossip key changes while the node runs. What the loop has loaded is what
// is in force; the file of the configuration has not changed, only the key file.

// Keys are the ids of the node's gossip keys.
func (c control) Keys(ctx context.Context) (n console.NodeKeys, err error) {
	l := c.loop
	err = l.do(ctx, func() {
		k := l.loaded.Cluster.Keys
		n = console.NodeKeys{
			Name: l.cfg.Node, Using: config.KeyID(k.Gossip), Next: config.KeyID(k.Next), Before: config.KeyID(k.Before), Unmet: l.unmet(),
			Knows: l.roster.names(),
		}
	})
	return n, err
}

// KeyOf is one of the node's gossip keys.
func (c control) KeyOf(ctx context.Context, id string) (key [32]byte, ok bool) {
	err := c.loop.do(ctx, func() {
		for _, one := range c.loop.loaded.Cluster.Keys.Accepted() {
			if config.KeyID(one) == id {
				key, ok = one, true
			}
		}
	})
	return key, ok && err == nil
}

// StepKeys has the node do a step of a change of the key.
func (c control) StepKeys(ctx context.Context, step config.KeyStep, id string, key [32]byte) (err error) {
	if ended := c.loop.do(ctx, func() { err = c.loop.stepKeys(step, id, key) }); ended != nil {
		return ended
	}
	return err
}

// stepKeys writes the keys down before they are in force: who starts again at any
// moment has at least what the others know of.
func (l *local) stepKeys(step config.KeyStep, id string, key [32]byte) error {
	conflict := func(message, cure string) error {
		return &console.Error{Code: console.CodeConflict, Message: message, Cure: cure}
	}
	file, now := l.loaded.Cluster.KeyFile, l.loaded.Cluster.Keys
	if file == "" {
		return conflict("this node has no key file", "give the farm a key by cluster.key_file")
	}
	next, err := now.Step(step, id, key)
	if err != nil {
		return conflict(err.Error(), "see `thresher key rotate --status`")
	}
	if next != now {
		// next is there if writing it has failed at the very end.
		if there, err := config.ReadKeys(file); err != nil || there != now && there != next {
			return conflict("the key file is not the one that this daemon has read", "put that in its place again, or start the daemon anew with this one")
		}
		if err := wholefile.Replace(file, config.FormatKeys(next), 0o600); err != nil {
			return fmt.Errorf("write the key file: %w", err)
		}
		l.adoptKeys(next)
	}
	return l.enforceKeys()
}

// adoptKeys has the keys be those that a reload compares with.
func (l *local) adoptKeys(keys config.Keys) {
	next := *l.loaded
	next.Cluster.Keys = keys
	l.loaded = &next
}

// enforceKeys has all that speaks with the other nodes use the keys and believe them:
// heartbeats first, which the others miss soonest.
func (l *local) enforceKeys() (err error) {
	keys := l.loaded.Cluster.Keys.Accepted()
	if err = l.front.setKeys(keys); err == nil {
		err = l.cluster.SetKeys(keys...)
	}
	if err == nil && l.api.peers != nil {
		err = l.api.peers.SetKeys(keys...)
	}
	return err
}

// setKeys changes the keys of heartbeats and of the watchdog's frames.
func (l *loop) setKeys(keys [][32]byte) (err error) {
	if err = l.confirmation.SetKeys(keys...); errors.Is(err, confirmation.ErrEnded) {
		return errEnded
	}
	if err == nil {
		err = l.watchdog.conn.SetKeys(keys...)
	}
	return err
}

// unmet are the peers of the configuration that this process has not met.
func (l *local) unmet() (list []string) {
	var met []config.Peer
	for _, e := range l.roster.nodes {
		met = append(met, e.peer())
	}
	for _, peer := range l.cfg.Cluster.Others() {
		if !names(met, peer) {
			list = append(list, peer.String())
		}
	}
	return list
}

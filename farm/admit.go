package farm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/console/access"
	"thresher/internal/wholefile"
)

// Admit gives a newcomer what it needs to be a node, and writes into this node's
// configuration where it will be: if this node starts again while no other knows it,
// it asks there. While a configuration is on trial nobody is let in: the newcomer would
// come up with a text, and be written into one, that may be undone.
func (c control) Admit(ctx context.Context, in console.Newcomer) (a console.Admission, err error) {
	l := c.loop
	a = console.Admission{Node: l.cfg.Node, Bind: l.cfg.Cluster.Bind}
	l.trials.Changing.Lock() // or two newcomers at once, or a trial, would undo each other's
	defer l.trials.Changing.Unlock()
	if err := l.trials.MustBeOver(); err != nil {
		return a, err
	}
	var known []config.Peer
	err = l.do(ctx, func() {
		a.Keys, known = config.FormatKeys(l.loaded.Cluster.Keys), l.unlisted(time.Now(), 0)
	})
	if err != nil {
		return a, err
	}
	text, err := l.self.text()
	if err != nil {
		return a, err
	}
	a.Config = text
	for _, peer := range known { // so that it finds the farm, and counts it, without this node
		if a.Config, err = config.WithPeer(a.Config, peer); err != nil {
			return a, err
		}
	}
	if a.Users, err = l.users(); err != nil {
		return a, err
	}
	if err := l.writePeer(ctx, text, in.Binds()); err != nil { // it joins all the same: it knows this node
		a.Untold = append(a.Untold, in.Untold(l.cfg.Node, err))
	}
	return a, nil
}

// users is the file of who may log in, nil where nobody may. One that nobody has made yet
// is an empty one: people may log in by an issuer.
func (l *local) users() ([]byte, error) {
	if l.cfg.API.Users == "" {
		return nil, nil
	}
	text, err := wholefile.Read(l.cfg.API.Users, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return access.NoUsers(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read who may log in: %w", err)
	}
	return text, nil
}

// AddPeer writes into this node's configuration where a newcomer will be that another
// node has let in, under the conditions of Admit.
func (c control) AddPeer(ctx context.Context, in console.Newcomer) error {
	l := c.loop
	l.trials.Changing.Lock()
	defer l.trials.Changing.Unlock()
	if err := l.trials.MustBeOver(); err != nil {
		return err
	}
	text, err := l.self.text()
	if err != nil {
		return err
	}
	return l.writePeer(ctx, text, in.Binds())
}

// writePeer writes a peer into the configuration that has that text. It is read when the
// daemon next reads the file: until then gossip tells of the peer.
func (l *local) writePeer(ctx context.Context, text []byte, peer config.Peer) error {
	next, err := config.WithPeer(text, peer)
	if err == nil {
		_, err = l.self.Parse(next)
	}
	if err == nil && string(next) != string(text) {
		err = wholefile.Replace(l.self.File, next, 0o600)
	}
	if err != nil {
		return err
	}
	return l.do(ctx, func() {
		if !names(l.listed(), peer) {
			l.written = append(l.written, peer)
		}
	})
}

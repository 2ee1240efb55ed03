package farm

import (
	"context"
	"fmt"

	"thresher/config"
	"thresher/console"
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
	if err := l.do(ctx, func() { a.Keys = config.FormatKeys(l.loaded.Cluster.Keys) }); err != nil {
		return a, err
	}
	if a.Config, err = l.self.text(); err != nil {
		return a, err
	}
	if l.cfg.API.Users != "" {
		if a.Users, err = wholefile.Read(l.cfg.API.Users, 1<<20); err != nil {
			return a, fmt.Errorf("read who may log in: %w", err)
		}
	}
	next, err := config.WithPeer(a.Config, in.Binds())
	if err == nil {
		_, err = l.self.Parse(next)
	}
	if err == nil && string(next) != string(a.Config) {
		err = wholefile.Replace(l.self.File, next, 0o600)
	}
	if err != nil { // it joins all the same: it knows this node
		l.log.Warn("the newcomer is not written into this node's configuration", "node", in.Node, "err", err)
	}
	return a, nil
}

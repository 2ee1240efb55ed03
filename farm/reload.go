package farm

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"thresher/config"
	"thresher/console"
)

// A reload reads the configuration file again. What is each node's own to say, its
// weights, takes effect in the running process, as a new view; the rest, where the
// farm's rules stay as they are, by a restart in place. Nothing of a file that is
// refused takes effect.

// Reload does so, or with check only says what it would do. begun is called once,
// when it is known what becomes of it: when weights are in force, and when nothing
// is left to be checked before a restart, which does not return if it succeeds.
func (c control) Reload(ctx context.Context, check bool, begun func(console.Reload)) error {
	if c.loop.self.Load == nil {
		return &console.Error{Code: console.CodeUnavailable, Message: "this daemon was not started from a file", Cure: "restart it with another configuration"}
	}
	next, err := c.loop.self.Load()
	if err != nil {
		return &console.Error{
			Code: console.CodeBadConfiguration, Message: "not reloaded: " + err.Error(),
			Cure: "put it right and try again; the daemon goes on as it was",
		}
	}
	var plan console.Reload
	ended := c.loop.do(ctx, func() { plan, err = c.loop.reload(next, check) })
	switch {
	case ended != nil:
		return ended
	case err != nil:
		return err
	case check || plan.Action != console.ReloadRestart:
		begun(plan)
		return nil
	}
	return c.Restart(ctx, func() { begun(plan) })
}

// reload carries out what needs no other process.
func (l *local) reload(next *config.Config, check bool) (console.Reload, error) {
	plan, err := planReload(l.loaded, next)
	if err != nil {
		return plan, err
	}
	if err := l.canListen(next); err != nil {
		return plan, err
	}
	plan.Warnings = l.roster.unseen(next.Rules)
	if plan.Action == console.ReloadWeights && !check {
		l.loaded = next
		l.weights.configure(next.Rules)
		l.events.add(console.LevelInfo, "reloaded", "the configuration was reloaded: "+strings.Join(plan.Changes, "; "), nil)
	}
	return plan, nil
}

// canListen refuses a configuration whose api.listen has a port that is somebody else's,
// or beyond this daemon's rights. The ports that the daemon has now are taken as its own.
func (l *local) canListen(next *config.Config) error {
	for _, at := range next.API.Listeners {
		if slices.ContainsFunc(l.cfg.API.Listeners, func(o config.APIListener) bool { return o.Address.Port() == at.Address.Port() }) {
			continue
		}
		one, err := net.Listen("tcp", at.Address.String())
		if err != nil {
			return &console.Error{
				Code: console.CodeConflict, Message: fmt.Sprintf("not reloaded: listen on %s: %v", at, bareNetError(err)), Cure: listenCure(err),
			}
		}
		_ = one.Close() // it was only asked whether it opens
	}
	return nil
}

// planReload says what it takes to go from one configuration to the next, or why a
// reload cannot.
func planReload(old, next *config.Config) (console.Reload, error) {
	changes := old.Changes(next)
	plan := console.Reload{Action: console.ReloadNothing, Changes: []string{}}
	for _, one := range changes {
		plan.Changes = append(plan.Changes, one.String())
	}
	switch config.EffectOf(changes) {
	case config.EffectWeights:
		plan.Action = console.ReloadWeights
	case config.EffectRestart:
		plan.Action = console.ReloadRestart
	case config.EffectRules:
		return plan, refuse("reloaded", changes, config.EffectRules, "nodes with other rules, VIPs or default cannot share clients",
			"change the file on every node, then run `thresher restart` on one node after the other: each keeps its connections and "+
				"waits until no node has the old rules; those serve the new connections meanwhile, and when the last is restarted, "+
				"new connections wait for about a second")
	case config.EffectAnew:
		return plan, refuseAnother("reloaded", changes)
	}
	return plan, nil
}

// refuseAnother names the changes that make this node another one.
func refuseAnother(done string, changes []config.Change) error {
	return refuse(done, changes, config.EffectAnew, "that makes this node another one",
		"run `thresher drain`, stop the daemon when the node is stopped, and start it again")
}

// refuse names the changes that cannot be made, and none of those that could.
func refuse(done string, changes []config.Change, effect config.Effect, why, cure string) error {
	var list []string
	for _, one := range changes {
		if one.Effect == effect {
			list = append(list, one.String())
		}
	}
	return &console.Error{
		Code: console.CodeConflict, Message: fmt.Sprintf("not %s: %s: %s", done, why, strings.Join(slices.Compact(list), "; ")), Cure: cure,
	}
}

// hungUp reloads for as long as the daemon lives, whenever it is sent SIGHUP.
func (c control) hungUp(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.loop.hangup:
		}
		err := c.Reload(ctx, false, func(done console.Reload) {
			c.loop.log.Info("reload", "action", done.Action, "changes", done.Changes, "warnings", done.Warnings)
		})
		if err != nil && ctx.Err() == nil {
			c.loop.events.add(console.LevelError, "reload_failed", err.Error(), nil)
		}
	}
}

package farm

import (
	"slices"

	"thresher/cluster"
	"thresher/config"
	"thresher/console"
)

// joinCluster makes this node a member, as far as it can be one by itself.
func (l *local) joinCluster() (err error) {
	l.cluster, err = cluster.Start(cluster.Config{
		Name:        l.cfg.Node,
		Bind:        l.cfg.Cluster.Bind,
		Further:     l.cfg.Cluster.Further,
		Join:        slices.Concat(l.cfg.Cluster.Join...),
		Key:         gossipKey(l.cfg),
		Also:        alsoKeys(l.cfg),
		Profile:     l.cfg.Cluster.Profile,
		Eviction:    l.cfg.Cluster.Eviction,
		JoinTimeout: l.cfg.Cluster.JoinTimeout,
		Meta:        l.meta(l.handed.phase()),
		Logger:      l.log,
	})
	return err
}

func gossipKey(cfg *config.Config) []byte {
	if cfg.Cluster.Insecure {
		return nil
	}
	return cfg.Cluster.Keys.Gossip[:]
}

// alsoKeys are those that gossip is believed under besides.
func alsoKeys(cfg *config.Config) (also [][]byte) {
	for _, key := range cfg.Cluster.Keys.Accepted()[1:] {
		also = append(also, key[:])
	}
	return also
}

// meta is what this node gossips about itself.
func (l *local) meta(phase cluster.Phase) cluster.Meta {
	return cluster.Meta{
		Phase: phase, MAC: l.mac, Digest: l.digest, Gossip: l.cfg.Cluster.Bind, Weights: l.weights.wire(),
	}
}

// tell gossips this node's state, if it is new, and says why if the reason is.
func (l *local) tell() {
	shut := l.life.shut
	if l.life.state == console.Up || l.life.state == console.Draining {
		shut = ""
	}
	if l.life.state == l.told && (shut == "" || shut == l.toldShut) {
		return
	}
	before := l.told
	l.told, l.toldShut = l.life.state, shut
	l.events.state(before, &l.life)
	if before != l.told {
		l.spread()
	}
}

// end has the node be stopped, since its daemon ends, and tells those who are notified.
func (l *local) end() {
	l.life.halt("the daemon ends", actionShutdown)
	if l.life.state != l.told {
		l.events.state(l.told, &l.life)
		l.told = l.life.state
	}
}

// spread has the others told of this node's state and weights.
func (l *local) spread() {
	select {
	case <-l.wave: // replaced before it was told
	default:
	}
	l.wave <- l.meta(l.life.phase())
}

// gossiping tells the others what the loop wants them to be told, on a goroutine of
// its own: it takes several rounds of gossip each time. What it returns ends that.
func (l *local) gossiping() (end func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for meta := range l.wave {
			if err := l.cluster.SetMeta(meta); err != nil {
				l.log.Warn("the other nodes may not have heard of this node's state", "phase", meta.Phase, "err", err)
			}
		}
	}()
	return func() { close(l.wave); <-ended }
}

// goodbye tells the others that this node leaves, so that they do not take its end
// for a crash.
func (l *local) goodbye() {
	if err := l.cluster.SetMeta(l.meta(cluster.Leaving)); err != nil {
		l.log.Warn("the other nodes may take this node's end for a crash", "err", err)
	}
}

package farm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/farm/findings"
	"thresher/farm/host"
	"thresher/health"
)

// examine finds out whether this machine's network has what the node cannot serve
// without, as a start does. A node that has it no more waits, rather than let clients
// in that it does not reach, or that reach the farm no more.
func (l *loop) examine(nic netlink.Link) {
	unfit, err := unfitness(l.cfg, nic.Attrs().Name, l.machine.journal.Entries)
	if err != nil {
		l.log.Warn("whether this machine's network is as the node needs it is not known", "err", err)
		return
	}
	if slices.Equal(unfit, l.unfit) {
		return
	}
	for _, f := range unfit {
		if !slices.Contains(l.unfit, f) {
			l.events.unfit(f)
		}
	}
	if len(unfit) == 0 {
		l.events.fit()
		l.announceAll()
		l.reannounce() // IPv6 may have been off, and the groups forgotten
	}
	l.unfit = unfit
	l.life.fit(time.Now(), strings.Join(unfitTexts(unfit), "; "))
}

// unfitness is what is wrong with the network of the machine that an interface of that
// name is on now.
func unfitness(cfg *config.Config, now string, recorded func() []host.Entry) ([]health.Finding, error) {
	if now != cfg.Interface {
		return []health.Finding{renamed(cfg.Interface, now)}, nil
	}
	facts, err := health.Inspect(cfg.Interface)
	if err != nil {
		return nil, err
	}
	found, err := findings.Network(cfg, facts, recorded())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(append(found, health.LostAddresses(cfg.Cluster.Binds())...), func(f health.Finding) bool {
		return f.Level != health.LevelError
	}), nil
}

// renamed is an interface that the configuration knows by another name.
func renamed(was, now string) health.Finding {
	return health.Finding{
		Level: health.LevelError, What: fmt.Sprintf("interface %s is named %s now", was, now),
		Cure: fmt.Sprintf("name it back (ip link set %[2]s down; ip link set %[2]s name %[1]s; ip link set %[1]s up), or set interface to %[2]s and start the daemon anew", was, now),
	}
}

// unfitTexts are findings in words.
func unfitTexts(found []health.Finding) (texts []string) {
	for _, f := range found {
		texts = append(texts, f.What+"; "+f.Cure)
	}
	return texts
}

// correct brings clients back each second while the machine is unfit: its kernel may
// give its own address for a VIP that somebody else has put here.
func (l *loop) correct() {
	if len(l.unfit) > 0 {
		l.announceAll()
	}
}

// announceAll tells everybody where the VIPs are, whoever answers for them.
func (l *loop) announceAll() {
	for _, b := range l.bindings.all {
		if err := l.responder.Announce(b); err != nil {
			l.log.Warn("clients may have a VIP at this machine alone", "err", err)
		}
	}
}

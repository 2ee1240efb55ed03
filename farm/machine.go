package farm

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/farm/host"
	"thresher/xsk"
)

// machine is what the daemon has changed about this machine, beside the packet
// path: everything that a clean stop takes back.
type machine struct {
	lock    *host.Lock
	journal *host.Journal
	filters map[config.MAC]*host.MACFilter // for as long as this process lives
	way     xsk.Pair                       // to the stack
}

// takeOver makes this process the one that runs the node on this machine. What an
// earlier run has left is as it was. lock is the one that this process has
// already, or nil.
func takeOver(runDir, node string, lock *host.Lock) (m *machine, err error) {
	dir := filepath.Join(runDir, node)
	m = &machine{lock: lock}
	if lock == nil {
		if m.lock, err = host.Acquire(dir); err != nil {
			if errors.Is(err, host.ErrLocked) {
				err = fmt.Errorf("%w; stop it, or give this node another name", err)
			}
			return nil, err
		}
	}
	if m.journal, err = host.Open(filepath.Join(dir, host.JournalFile)); err != nil {
		return nil, errors.Join(err, m.lock.Release())
	}
	return m, nil
}

// keep undoes those changes of an earlier run that cfg does not ask for. The
// others stay as they are: connections live on them.
func (m *machine) keep(cfg *config.Config, nic netlink.Link, log *slog.Logger) error {
	left := m.journal.Entries()
	if len(left) == 0 {
		return nil
	}
	err := m.journal.UndoExcept(func(e host.Entry) bool { return wanted(e, cfg, nic.Attrs()) })
	if err != nil {
		return fmt.Errorf("take back what an earlier run has left: %w", err)
	}
	log.Info("going on with what an earlier run has left on this machine", "changes", len(left), "kept", len(m.journal.Entries()))
	return nil
}

// wanted tells whether prepare would make the change.
func wanted(e host.Entry, cfg *config.Config, iface *netlink.LinkAttrs) bool {
	nic := iface.Name
	switch e.Kind {
	case host.KindSysctl:
		return slices.ContainsFunc(sysctls(cfg, nic), func(s sysctl) bool { return s.name == e.Name })
	case host.KindAddress:
		if e.Link == nic {
			return slices.Contains(groups(cfg), e.Prefix)
		}
		return e.Link == "lo" && slices.ContainsFunc(cfg.VIPs, func(v config.VIP) bool { return onLoopback(v) == e.Prefix })
	case host.KindMAC:
		return e.Link == nic && cfg.Datapath.Pin &&
			slices.ContainsFunc(cfg.VIPs, func(v config.VIP) bool { return v.MAC.String() == e.MAC && needsFilter(v) })
	case host.KindPromiscuous:
		return e.Link == nic && cfg.Datapath.Pin && slices.ContainsFunc(cfg.VIPs, needsFilter)
	case host.KindLink:
		return e.Owner == iface.Index
	}
	return false
}

// sysctl is a setting, and values that do as well.
type sysctl struct {
	name, value string
	orElse      []string
}

// sysctls are all that a node needs.
func sysctls(cfg *config.Config, nic string) []sysctl {
	return slices.Concat(quietARP(nic), strictTracking(cfg), noUnicastInGroups(cfg, nic))
}

// quietARP are the settings that keep the kernel from giving away an interface's own
// address for a VIP (Linux, Documentation/networking/ip-sysctl.rst), the VIPs' one's or
// another's on the same segment: what holds is the higher one of an interface's own and
// of all. On its own it has them too, for when another farm's daemon takes back those
// of all.
func quietARP(nic string) (list []sysctl) {
	for _, of := range []string{"all", nic} {
		list = append(list,
			sysctl{"net/ipv4/conf/" + of + "/arp_ignore", "1", []string{"2", "8"}},
			sysctl{"net/ipv4/conf/" + of + "/arp_announce", "2", nil})
	}
	return list
}

func onLoopback(v config.VIP) netip.Prefix { return netip.PrefixFrom(v.Address, v.Address.BitLen()) }

// prepare makes this machine one that has the VIPs without answering for them
// (DESIGN §4), but for those in mode directed, which come last. Each step is written down before it is made.
func (m *machine) prepare(cfg *config.Config, nic netlink.Link) error {
	name := nic.Attrs().Name
	for _, s := range sysctls(cfg, name) {
		if err := m.journal.SetSysctl(s.name, s.value, s.orElse...); err != nil {
			return err
		}
	}
	if err := m.joinGroups(cfg, name); err != nil {
		return err
	}
	if err := m.own(cfg, func(v config.VIP) bool { return v.Mode != config.Directed }); err != nil {
		return err
	}
	for _, vip := range cfg.VIPs {
		if !needsFilter(vip) {
			continue
		}
		if err := m.accept(nic, vip.MAC, cfg.Datapath.Pin); err != nil {
			return err
		}
	}
	return m.chooseWay(nic.Attrs())
}

// ownDirected completes prepare, once the kernel program judges. The frames for a VIP
// in mode directed are to the interface's own address, so that without the program
// the kernel answers them all, also those that are other nodes'.
func (m *machine) ownDirected(cfg *config.Config) error {
	return m.own(cfg, func(v config.VIP) bool { return v.Mode == config.Directed })
}

// own makes those VIPs this machine's.
func (m *machine) own(cfg *config.Config, which func(config.VIP) bool) error {
	for _, vip := range cfg.VIPs {
		if !which(vip) {
			continue
		}
		if err := m.journal.AddAddress("lo", onLoopback(vip)); err != nil {
			return err
		}
	}
	return nil
}

// disown takes the VIPs back, before the kernel program goes (ownDirected): from a
// machine that does not have the address no client gets a reset.
func (m *machine) disown() error {
	return m.journal.UndoExcept(func(e host.Entry) bool { return e.Kind != host.KindAddress || e.Link != "lo" })
}

// chooseWay finds names for the way to the stack: those that this node has written
// down for the interface, or some that nobody has.
func (m *machine) chooseWay(nic *netlink.LinkAttrs) (err error) {
	for _, e := range m.journal.Entries() {
		if pair, ok := xsk.PairOf(e.Link); ok && e.Kind == host.KindLink && e.Owner == nic.Index {
			m.way = pair
			return nil
		}
	}
	if m.way, err = xsk.FreePair(); err != nil {
		return err
	}
	return m.journal.RecordLink(m.way.In(), nic.Index)
}

// accept has the interface accept frames to a VMAC: also after the end of this
// process if lasting. Then a driver that takes no further addresses is to accept all.
func (m *machine) accept(nic netlink.Link, mac config.MAC, lasting bool) error {
	if lasting {
		err := m.journal.AcceptMAC(nic.Attrs().Name, mac)
		if errors.Is(err, host.ErrNoAddressList) {
			return m.journal.AcceptAll(nic.Attrs().Name)
		}
		return err
	}
	if m.filters[mac] != nil {
		return nil
	}
	filter, err := host.OpenMACFilter(nic.Attrs().Index, mac)
	if err != nil {
		return err
	}
	if m.filters == nil {
		m.filters = make(map[config.MAC]*host.MACFilter)
	}
	m.filters[mac] = filter
	return nil
}

// needsFilter tells whether the interface must be told to take a VIP's frames. The
// kernel accepts those for groups that it is a member of, and for itself.
func needsFilter(vip config.VIP) bool {
	return vip.Mode != config.IGMP && vip.Mode != config.Directed
}

// shutFilters has the interface take frames no more that the process before this one
// needed, and these VIPs do not.
func (m *machine) shutFilters(vips []config.VIP) error {
	var errs []error
	for mac, filter := range m.filters {
		if !slices.ContainsFunc(vips, func(v config.VIP) bool { return v.MAC == mac && needsFilter(v) }) {
			errs = append(errs, filter.Close())
			delete(m.filters, mac)
		}
	}
	return errors.Join(errs...)
}

// abandon lets this process go without the machine, which stays as it is.
func (m *machine) abandon() error {
	var errs []error
	for _, f := range m.filters {
		errs = append(errs, f.Close())
	}
	return errors.Join(append(errs, m.lock.Release())...)
}

// release takes everything back.
func (m *machine) release() error {
	if err := errors.Join(m.journal.Undo(), m.abandon()); err != nil {
		return fmt.Errorf("restore the machine: %w", err)
	}
	return nil
}

package farm

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"

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
	filters []*host.MACFilter
}

// takeOver makes this process the one that runs the node on this machine, and
// takes back what an earlier run has left.
func takeOver(cfg *config.Config, log *slog.Logger) (m *machine, err error) {
	dir := filepath.Join(cfg.RunDir, cfg.Node)
	m = &machine{}
	if m.lock, err = host.Acquire(dir); err != nil {
		return nil, err
	}
	record := filepath.Join(dir, "restore.json")
	if m.journal, err = host.Open(record); err != nil {
		return nil, errors.Join(err, m.release())
	}
	if left := m.journal.Entries(); len(left) > 0 {
		log.Info("taking back what an earlier run has left on this machine", "changes", len(left), "record", record)
	}
	if err := m.journal.Undo(); err != nil {
		return nil, errors.Join(fmt.Errorf("take back what an earlier run has left: %w", err), m.release())
	}
	return m, nil
}

// Clean takes back what a crashed run has left on this machine. The node must
// not be running.
func Clean(cfg *config.Config, log *slog.Logger) error {
	m, err := takeOver(cfg, log)
	if err != nil {
		return err
	}
	return m.release()
}

// prepare makes this machine one that has the VIPs without answering for them
// (DESIGN §4). Each step is written down before it is made. arp_ignore 1 and
// arp_announce 2 keep the kernel from giving away the interface's own address
// for a VIP (Linux, Documentation/networking/ip-sysctl.rst).
func (m *machine) prepare(cfg *config.Config, nic netlink.Link) error {
	conf := "net/ipv4/conf/" + nic.Attrs().Name + "/"
	if err := m.journal.SetSysctl(conf+"arp_ignore", "1"); err != nil {
		return err
	}
	if err := m.journal.SetSysctl(conf+"arp_announce", "2"); err != nil {
		return err
	}
	if err := trackStrictly(m.journal, cfg); err != nil {
		return err
	}
	for _, vip := range cfg.VIPs {
		if err := m.journal.AddAddress("lo", netip.PrefixFrom(vip.Address, vip.Address.BitLen())); err != nil {
			return err
		}
		filter, err := host.OpenMACFilter(nic.Attrs().Index, vip.MAC)
		if err != nil {
			return err
		}
		m.filters = append(m.filters, filter)
	}
	return m.journal.RecordLink(xsk.StackIn)
}

// release takes everything back.
func (m *machine) release() error {
	var errs []error
	for _, f := range m.filters {
		errs = append(errs, f.Close())
	}
	if m.journal != nil {
		errs = append(errs, m.journal.Undo())
	}
	if err := errors.Join(append(errs, m.lock.Release())...); err != nil {
		return fmt.Errorf("restore the machine: %w", err)
	}
	return nil
}

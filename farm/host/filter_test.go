package host

import (
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// accepted lists the further addresses of an interface, as `bridge fdb show`.
func accepted(t *testing.T, index int) (macs []string) {
	t.Helper()
	neighs, err := netlink.NeighList(index, unix.AF_BRIDGE)
	if err != nil {
		t.Error(err)
	}
	for _, n := range neighs {
		macs = append(macs, n.HardwareAddr.String())
	}
	return macs
}

func TestMACFilterLivesAsLongAsItIsOpen(t *testing.T) {
	for name, mac := range map[string]config.MAC{
		"unicast":   {0x5a, 0xfe, 0xc0, 0x00, 0x02, 0x64},
		"multicast": {0x03, 0xbf, 0xc0, 0x00, 0x02, 0x64},
	} {
		t.Run(name, func(t *testing.T) {
			ns := machine(t)
			ns.Do(t, func() error {
				l, err := netlink.LinkByName("eth0")
				if err != nil {
					return err
				}
				index := l.Attrs().Index
				if slices.Contains(accepted(t, index), mac.String()) {
					t.Error("accepted before")
				}
				f, err := OpenMACFilter(index, mac)
				if err != nil {
					return err
				}
				if got := accepted(t, index); !slices.Contains(got, mac.String()) {
					t.Errorf("open, and the list is %v", got)
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
				if got := accepted(t, index); slices.Contains(got, mac.String()) {
					t.Errorf("closed, and the list is %v", got)
				}
				return f.Close()
			})
		})
	}
}

func TestMACFilterOnNoInterface(t *testing.T) {
	machine(t).Do(t, func() error {
		if f, err := OpenMACFilter(9999, config.MAC{2}); err == nil {
			t.Errorf("filter %v on an interface that does not exist", f)
		}
		return nil
	})
}

package health

import (
	"errors"
	"os/exec"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/internal/leftout"
)

// TestFeaturesByName asks for a feature that a veth can switch.
func TestFeaturesByName(t *testing.T) {
	ns := machine(t)
	ns.Do(t, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, on := range []string{"on", "off"} {
			if out, err := exec.Command("ethtool", "-K", "eth0", "rxvlan", on).CombinedOutput(); err != nil {
				t.Errorf("ethtool: %v: %s", err, out)
			}
			d, err := askDriver("eth0")
			if err != nil {
				return err
			}
			if want := on == "on"; d.rxVLAN != want || hasFeature(fd, "eth0", "rx-vlan-hw-parse") != want {
				t.Errorf("rxvlan %s: the flag is %v, the feature %v", on, d.rxVLAN, !want)
			}
			if d.groHW || hasFeature(fd, "eth0", "no-such-feature") {
				t.Error("a veth has hardware GRO, or what is no feature")
			}
		}
		return nil
	})
}

// TestHiddenVLANs: a VLAN's device counts where the card takes tags off.
func TestHiddenVLANs(t *testing.T) {
	ns := machine(t)
	made := true
	ns.Do(t, func() error {
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex = "eth0.7", eth0.Attrs().Index
		err = netlink.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: 7})
		if errors.Is(err, unix.EOPNOTSUPP) {
			made = false
			return nil
		}
		if err != nil {
			return err
		}
		for rxvlan, want := range map[string][]string{"on": {"eth0.7"}, "off": nil} {
			if out, err := exec.Command("ethtool", "-K", "eth0", "rxvlan", rxvlan).CombinedOutput(); err != nil {
				t.Errorf("ethtool: %v: %s", err, out)
			}
			f, err := Inspect("eth0")
			if err != nil {
				return err
			}
			if !slices.Equal(f.HiddenVLANs, want) {
				t.Errorf("rxvlan %s: hidden are %v, want %v", rxvlan, f.HiddenVLANs, want)
			}
		}
		return nil
	})
	if !made {
		leftout.Skip(t, "this kernel has no VLANs (CONFIG_VLAN_8021Q)")
	}
}

package health

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

// A bridge's frames are joined on its ports, where these do so; a veth has nothing below it.
func TestJoinedBelow(t *testing.T) {
	machine(t).Do(t, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "br0"
		bridge := &netlink.Bridge{LinkAttrs: attrs}
		if err := netlink.LinkAdd(bridge); err != nil {
			return err
		}
		port, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMaster(port, bridge); err != nil {
			return err
		}
		for _, tt := range []struct {
			name, gro string
			want      []string
		}{{"br0", "on", []string{"eth0"}}, {"br0", "off", nil}, {"eth0", "on", nil}} {
			if out, err := exec.Command("ethtool", "-K", "eth0", "gro", tt.gro).CombinedOutput(); err != nil {
				return fmt.Errorf("ethtool: %w: %s", err, out)
			}
			f, err := Inspect(tt.name)
			if err != nil {
				return err
			}
			if !slices.Equal(f.Joined, tt.want) {
				t.Errorf("%s, gro %s: %v, want %v", tt.name, tt.gro, f.Joined, tt.want)
			}
		}
		return nil
	})
}

package arp

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// groupsOf are the solicited-node groups that the node's interface is in, but for
// those of its own addresses.
func (s *segment) groupsOf(t *testing.T, own []string) (groups []string) {
	t.Helper()
	s.node.Do(t, func() error {
		out, err := exec.Command("ip", "-6", "maddress", "show", "dev", "eth0").CombinedOutput()
		for word := range strings.FieldsSeq(string(out)) {
			if strings.HasPrefix(word, "ff02::1:ff") && !slices.Contains(own, word) {
				groups = append(groups, word)
			}
		}
		return err
	})
	slices.Sort(groups)
	return groups
}

func TestMembershipsFollowWhatIsWanted(t *testing.T) {
	s := newSegment6(t)
	own := s.groupsOf(t, nil)
	one, two := vip6Group, netip.MustParseAddr("ff02::1:ff00:200")
	m := &memberships{ifindex: s.nodeIf.Index}
	for i, step := range []struct {
		wanted []netip.Addr
		anew   bool
	}{
		{[]netip.Addr{one, two, one}, false}, {[]netip.Addr{two}, false}, {[]netip.Addr{two, one}, true}, {nil, false}, {[]netip.Addr{one}, false},
	} {
		s.node.Do(t, func() error { return m.set(step.wanted, step.anew) })
		var want []string
		for _, g := range step.wanted {
			if !slices.Contains(want, g.String()) {
				want = append(want, g.String())
			}
		}
		slices.Sort(want)
		if got := s.groupsOf(t, own); !slices.Equal(got, want) {
			t.Errorf("step %d: in groups %v, want %v", i, got, want)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if got := s.groupsOf(t, own); len(got) != 0 {
		t.Errorf("after the close still in groups %v", got)
	}
	if err := m.set([]netip.Addr{one}, false); err != nil || m.fd != 0 {
		t.Errorf("set after the close: %v, descriptor %d", err, m.fd)
	}
}

package arp

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// groupsOf are those of the groups that the node's interface is in. The kernel
// joins those of the interface's own addresses, when it comes to it.
func (s *segment) groupsOf(t *testing.T, all ...netip.Addr) (groups []string) {
	t.Helper()
	s.node.Do(t, func() error {
		out, err := exec.Command("ip", "-6", "maddress", "show", "dev", "eth0").CombinedOutput()
		for word := range strings.FieldsSeq(string(out)) {
			if slices.ContainsFunc(all, func(a netip.Addr) bool { return a.String() == word }) {
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
		if got := s.groupsOf(t, one, two); !slices.Equal(got, want) {
			t.Errorf("step %d: in groups %v, want %v", i, got, want)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if got := s.groupsOf(t, one, two); len(got) != 0 {
		t.Errorf("after the close still in groups %v", got)
	}
	if err := m.set([]netip.Addr{one}, false); err != nil || m.fd != 0 {
		t.Errorf("set after the close: %v, descriptor %d", err, m.fd)
	}
}

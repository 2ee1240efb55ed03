package farm

import (
	"net/netip"
	"slices"
	"testing"

	"thresher/cluster"
)

// A cut is told once, its end too, but not where the node itself is lost.
func TestCutNetworksAreTold(t *testing.T) {
	second := cluster.Cut{Node: "web2", Network: 1, Address: netip.MustParseAddrPort("198.51.100.12:7946")}
	other := cluster.Cut{Node: "web3", Network: 1, Address: netip.MustParseAddrPort("198.51.100.13:7946")}
	there := []cluster.Member{{Name: "web2", Alive: true}, {Name: "web3", Alive: true}}
	gone := []cluster.Member{{Name: "web2"}, {Name: "web3", Alive: true}}
	e := quietEvents()
	told := func() (list []string) {
		for _, one := range e.ring.Since(0) {
			list = append(list, one.Kind+" "+one.Fields["node"])
		}
		return list
	}
	var n networks
	for _, step := range []struct {
		what    string
		cut     []cluster.Cut
		members []cluster.Member
		texts   []string
		told    []string
	}{
		{"at first", nil, there, nil, nil},
		{"one cut", []cluster.Cut{second}, there, []string{"web2 at 198.51.100.12:7946"}, []string{"network_cut web2"}},
		{"still", []cluster.Cut{second}, there, []string{"web2 at 198.51.100.12:7946"}, nil},
		{"another", []cluster.Cut{second, other}, there,
			[]string{"web2 at 198.51.100.12:7946", "web3 at 198.51.100.13:7946"}, []string{"network_cut web3"}},
		{"one back", []cluster.Cut{other}, there, []string{"web3 at 198.51.100.13:7946"}, []string{"network_restored web2"}},
		{"cut again", []cluster.Cut{second, other}, there,
			[]string{"web2 at 198.51.100.12:7946", "web3 at 198.51.100.13:7946"}, []string{"network_cut web2"}},
		{"its node lost", []cluster.Cut{other}, gone, []string{"web3 at 198.51.100.13:7946"}, nil},
		{"all well", nil, there, nil, []string{"network_restored web3"}},
	} {
		before := len(told())
		n.update(step.cut, step.members, e)
		if got := n.texts(); !slices.Equal(got, step.texts) {
			t.Errorf("%s: status says %v, want %v", step.what, got, step.texts)
		}
		if got := told()[before:]; !slices.Equal(got, step.told) {
			t.Errorf("%s: told %v, want %v", step.what, got, step.told)
		}
	}
}

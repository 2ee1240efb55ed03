package console

import (
	"net/netip"
	"strings"
	"testing"
)

// TestKeyText: the nodes tell how the farm stands, whichever of them has asked.
func TestKeyText(t *testing.T) {
	members := []Node{{Name: "web1", Address: netip.MustParseAddr("192.0.2.11")}, {Name: "web2", Address: netip.MustParseAddr("192.0.2.12")}}
	half := []NodeKeys{
		{Name: "web1", Using: "a1", Next: "b2", Unmet: []string{"192.0.2.14:7946"}},
		{Name: "web2", Using: "b2", Before: "a1", Unmet: []string{"192.0.2.11:7946", "192.0.2.14:7946"}},
		{Name: "web3", Problem: "no answer"},
	}
	for _, tt := range []struct {
		report KeyReport
		want   []string
	}{
		{KeyReport{Node: "web3", Nodes: half}, []string{
			"on the way to key b2: thresher key rotate goes on, with --abort back\nnext to use the new key: web1\n",
			"NODE  USES  BELIEVES TOO  CHANGE\n",
			"web1  a1    b2            knows the new key\n",
			"web2  b2    a1            uses the new key\n",
			"web3  -     -             unknown\n",
			"web3: no answer\nnobody has been met at 192.0.2.14:7946, says web1, web2\n",
		}},
		{KeyReport{Nodes: []NodeKeys{{Name: "web1", Using: "a1", Next: "b2"}, {Name: "web2", Using: "a1"}}}, []string{
			"next to learn the new key: web2\n", "web2  a1    -             does not know the new key\n",
		}},
		{KeyReport{Nodes: []NodeKeys{{Name: "web1", Using: "b2", Before: "a1"}, {Name: "web2", Using: "b2"}}}, []string{
			"next to forget the old key: web1\n", "web2  b2    -             has forgotten the old key\n",
		}},
		{KeyReport{Nodes: []NodeKeys{{Name: "web1", Using: "b2"}, {Name: "web2", Using: "b2"}}, LeftBehind: []string{"web3"}}, []string{
			"the nodes use one key, and believe no other\n", "web1  b2    -             -\n", "copy the key file to them: web3\n",
		}},
		{KeyReport{Nodes: []NodeKeys{{Name: "web1", Using: "a1"}, {Name: "web2", Using: "b2"}}}, []string{"different keys"}},
		{KeyReport{Nodes: []NodeKeys{{Name: "web1", Using: "a1", Next: "b2"}, {Name: "web2", Using: "a1", Next: "c3"}}}, []string{"two changes of the key have met: thresher key rotate --abort\n\n"}},
	} {
		tt.report.judge(members)
		text := KeyText(tt.report)
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		if strings.Contains(text, "192.0.2.11") {
			t.Errorf("a member is called unmet:\n%s", text)
		}
	}
}

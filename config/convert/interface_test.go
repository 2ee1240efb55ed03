package convert

import (
	"fmt"
	"strings"
	"testing"
)

// VIPs of a second interface move to the first; whoever looks through the notes finds
// which.
func TestOtherInterfacesAreNoted(t *testing.T) {
	for _, tt := range []struct {
		convert converter
		text    string // with the interface of one more address
		what    string
	}{
		{ClusterIP, "-A INPUT -d 192.0.2.60/32 -i eth0 -p tcp --dport 80 -j CLUSTERIP\n-A INPUT -d 198.51.100.60/32 -i %s -p tcp --dport 80 -j CLUSTERIP\n", "-i eth1"},
		{ClusterIP, "primitive a IPaddr2 params ip=192.0.2.60 nic=eth0\nclone c-a a\nprimitive b IPaddr2 params ip=198.51.100.60 nic=%s\nclone c-b b\n", "nic=eth1"},
		{Keepalived, "vrrp_instance a {\n interface eth0\n}\nvrrp_instance b {\n interface %s\n}\nvirtual_server 192.0.2.60 80 {\n real_server 192.0.2.12 80 {\n }\n}\n", "interface eth1"},
	} {
		for _, name := range []string{"eth0", "eth1"} {
			r, err := tt.convert(Input{"f", []byte(fmt.Sprintf(tt.text, name))}, plain)
			if err != nil {
				t.Fatal(err)
			}
			noted := strings.Contains(listed(r.Notes), tt.what+": the VIPs of a node are all on one interface")
			if want := name == "eth1"; noted != want {
				t.Errorf("%s: noted %v, want %v:\n%s", fmt.Sprintf(tt.text, name), noted, want, listed(r.Notes))
			}
		}
	}
}

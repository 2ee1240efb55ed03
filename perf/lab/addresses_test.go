package lab

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigDefaultsAndLimits(t *testing.T) {
	tests := []struct {
		name string
		in   Config
		want Config
		err  string
	}{
		{"defaults", Config{Nodes: 3}, Config{Nodes: 3, Clients: 1, Queues: 1, MTU: 1500, ClientAddresses: 1}, ""},
		{"no nodes", Config{}, Config{}, "nodes: 0 is not between 1 and 32"},
		{"too many nodes", Config{Nodes: 33}, Config{}, "nodes: 33"},
		{"negative clients", Config{Nodes: 1, Clients: -1}, Config{}, "clients: -1"},
		{"small MTU", Config{Nodes: 1, MTU: 100}, Config{}, "mtu: 100"},
		{"too many addresses", Config{Nodes: 1, ClientAddresses: 4001}, Config{}, "addresses per client: 4001"},
		{"address plan full", Config{Nodes: 1, Clients: 8, ClientAddresses: 4000}, Config{}, "need 128 blocks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.in.withDefaults()
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClientAddressesAreTheClientsOwn(t *testing.T) {
	for _, n := range []int{1, 254, 255, 400, MaxClientAddresses} {
		owner := map[netip.Addr]int{VIP(): -1}
		for node := 1; node <= MaxNodes; node++ {
			owner[nodeAddress(node)] = -1
		}
		for client := 1; client*blocksPerClient(n) <= maxBlocks; client++ {
			addresses := clientAddresses(client, n)
			if len(addresses) != n {
				t.Fatalf("client %d has %d addresses, want %d", client, len(addresses), n)
			}
			for _, a := range addresses {
				if other, taken := owner[a]; taken {
					t.Fatalf("%s of client %d is also of %d", a, client, other)
				}
				owner[a] = client
				if SYNRange().Contains(a) || !inAny(clientBlocks(client, n), a) {
					t.Fatalf("%s of client %d is outside of its blocks", a, client)
				}
			}
		}
	}
}

func TestFirstAddressOfEachClient(t *testing.T) {
	for client, want := range map[int]string{1: "198.18.1.1", 2: "198.18.2.1", 127: "198.18.127.1"} {
		if got := clientAddresses(client, 254)[0].String(); got != want {
			t.Errorf("client %d starts at %s, want %s", client, got, want)
		}
	}
}

func TestSYNSourcesDiffer(t *testing.T) {
	const n = 100_000
	seen := make(map[netip.AddrPort]bool, n)
	for _, s := range SYNSources(n) {
		if seen[s] {
			t.Fatalf("%s twice", s)
		}
		if !SYNRange().Contains(s.Addr()) || s.Port() == 0 {
			t.Fatalf("%s is not of the range %s", s, SYNRange())
		}
		seen[s] = true
	}
}

func inAny(blocks []netip.Prefix, a netip.Addr) bool {
	for _, b := range blocks {
		if b.Contains(a) {
			return true
		}
	}
	return false
}

package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// answersAt tells whether an address answers a datagram from a node. An answer that is
// expected is waited for.
func answersAt(t *testing.T, from *Node, to netip.Addr, expected bool) bool {
	t.Helper()
	conn, err := from.Dial(t.Context(), "udp", netip.AddrPort{}, netip.AddrPortFrom(to, gossipPort))
	if err != nil {
		return false // no route: the interface is down
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patienceFor(expected))); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("there?")); err != nil {
		return false
	}
	_, err = conn.Read(make([]byte, 16))
	return err == nil
}

func TestBackNetwork(t *testing.T) {
	needNFT(t)
	l := newLab(t, Config{Nodes: 2, Back: true})
	a, b := l.Nodes[0], l.Nodes[1]
	echo := func() {
		t.Helper()
		if _, err := b.StartUDPEcho(fmt.Sprintf("0.0.0.0:%d", gossipPort)); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, front, back bool) {
		t.Helper()
		if f, k := answersAt(t, a, b.Address, front), answersAt(t, a, b.Back, back); f != front || k != back {
			t.Errorf("%s: answers on the network of all %t, on the back network %t; want %t, %t", what, f, k, front, back)
		}
	}
	echo()
	check("at first", true, true)
	both := Between([]*Host{a.Host}, []*Host{b.Host}, Gossip)
	fault, err := l.CutBack(t.Context(), both...)
	must(err)
	check("back cut", true, false)
	must(fault.Heal())
	fault, err = l.Cut(t.Context(), both...)
	must(err)
	check("the other cut", false, true)
	must(fault.Heal())
	must(l.BackPortUp(b, false))
	check("back port down", true, false)
	must(l.BackPortUp(b, true))
	check("back port up", true, true)
	must(l.PowerOff(b))
	must(l.PowerOn(t.Context(), b))
	echo()
	check("powered off and on", true, true)
	if l.Clients[0].Back.IsValid() || l.Clients[0].BackPort != "" {
		t.Error("a client is on the back network")
	}
}

// Nodes on the back network gossip on both; without one nothing is cut there.
func TestBackNetworkInTheConfiguration(t *testing.T) {
	l := twoNodes()
	if _, err := l.CutBack(t.Context(), Cut{From: l.Nodes[0].Host, To: l.Nodes[1].Host}); err == nil {
		t.Error("a network that is not there was cut")
	}
	for i, n := range l.Nodes {
		n.Back = backAddress(i + 1)
	}
	text, err := l.Nodes[1].NodeConfig(FarmOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  bind: [198.18.0.12:7946, 198.19.0.12:7946]",
		"  join: [198.18.0.11:7946 198.19.0.11:7946, 198.18.0.12:7946 198.19.0.12:7946]",
	} {
		if !slices.Contains(strings.Split(text, "\n"), want) {
			t.Errorf("the configuration lacks %q:\n%s", want, text)
		}
	}
}

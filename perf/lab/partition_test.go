package lab

import (
	"errors"
	"testing"
)

func cut(t *testing.T, l *Lab, cuts ...Cut) *Fault {
	t.Helper()
	f, err := l.Cut(t.Context(), cuts...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCut(t *testing.T) {
	l := faultLab(t, 3)
	a, b, c := l.Nodes[0].Host, l.Nodes[1].Host, l.Nodes[2].Host
	client := l.Clients[0]
	tests := []struct {
		name            string
		cuts            []Cut
		gossip, another bool // still pass between a and b
	}{
		{"everything, both ways", Between([]*Host{a}, []*Host{b}, Everything), false, false},
		{"everything, one way", []Cut{{a, b, Everything}}, false, false},
		{"gossip, one way", []Cut{{a, b, Gossip}}, false, true},
		{"gossip's answers", []Cut{{b, a, Gossip}}, false, true},
		{"heartbeats", Between([]*Host{a}, []*Host{b}, Heartbeats), true, true},
		{"ARP, both already known", Between([]*Host{a}, []*Host{b}, ARP), true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := cut(t, l, tt.cuts...)
			if g, o := reaches(t, a, b, gossipPort, tt.gossip), reaches(t, a, b, 7, tt.another); g != tt.gossip || o != tt.another {
				t.Errorf("gossip passes %t, another port %t, want %t, %t", g, o, tt.gossip, tt.another)
			}
			if n := dropped(t, f); (n > 0) == (tt.gossip && tt.another) {
				t.Errorf("%d frames dropped", n)
			}
			for _, other := range [][2]*Host{{a, c}, {c, b}, {client, b}} {
				if !reaches(t, other[0], other[1], gossipPort, true) {
					t.Errorf("%s no longer reaches %s", other[0].Name, other[1].Name)
				}
			}
			if err := errors.Join(f.Heal(), f.Heal()); err != nil {
				t.Fatal(err)
			}
			if !reaches(t, a, b, gossipPort, true) || !reaches(t, a, b, 7, true) {
				t.Error("nothing passes after healing")
			}
		})
	}
}

// A one-way cut lets the other direction pass: seen at the receiver, since no
// answer can come.
func TestCutOneWayLetsTheOtherPass(t *testing.T) {
	l := faultLab(t, 2)
	a, b := l.Nodes[0], l.Nodes[1]
	cut(t, l, Cut{From: a.Host, To: b.Host})
	for _, way := range []struct {
		from, to *Node
		passes   bool
	}{{a, b, false}, {b, a, true}} {
		c, err := way.to.Capture(way.from.Address)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			reaches(t, way.from.Host, way.to.Host, 7, false) // no answer can come
		}
		if got := len(c.Answers(Datagram)) > 0; got != way.passes {
			t.Errorf("from %s to %s: passes %t, want %t", way.from.Name, way.to.Name, got, way.passes)
		}
	}
}

// The frames of confirmation have no IP header to be told by.
func TestCutHeartbeats(t *testing.T) {
	l := faultLab(t, 2)
	a, b := l.Nodes[0].Host, l.Nodes[1].Host
	f := cut(t, l, Cut{a, b, Heartbeats})
	conn, err := a.rawSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	frame := append(append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, a.MAC[:]...), 0x88, 0xb5)
	frame = append(frame, make([]byte, 46)...)
	for range 10 {
		if err := sendFrame(conn, frame, [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all frames to b, and no other, are dropped", func() bool { return dropped(t, f) == 10 })
}

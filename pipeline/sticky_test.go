package pipeline

import "testing"

func TestJudgeSYNOfStickyBuckets(t *testing.T) {
	good := Lease{Now: 10, Deadline: 20}
	granted := Lease{Now: 10, Grant: 20}
	remembered := Facts{Remembered: true}
	for _, tt := range []struct {
		name  string
		s     standing
		facts Facts
		lease Lease
		want  Reason
	}{
		{"own, unknown client", standing{mine: true, unsettled: true, sticky: true}, Facts{}, good, ParkedSticky},
		{"own, remembered counts for nothing", standing{mine: true, unsettled: true, sticky: true}, remembered, good, ParkedSticky},
		{"own, nobody else has him", standing{mine: true, unsettled: true, sticky: true}, Facts{Mine: true}, good, Accepted},
		{"own, another has him", standing{mine: true, unsettled: true, sticky: true}, Facts{Elsewhere: true}, good, StickyElsewhere},
		{"own, fenced", standing{mine: true, unsettled: true, sticky: true}, Facts{Mine: true}, granted, Fenced},
		{"own, half open elsewhere", standing{mine: true, unsettled: true, sticky: true}, Facts{Mine: true, HalfOpen: true}, good, HalfOpenElsewhere},
		{"own, no longer sticky", standing{mine: true, unsettled: true}, Facts{Elsewhere: true}, good, Accepted},
		{"foreign, remembered and granted", standing{unsettled: true, sticky: true}, remembered, granted, AcceptedSticky},
		{"foreign, remembered, grant to come", standing{unsettled: true, sticky: true}, remembered, good, Parked},
		{"foreign, not remembered", standing{unsettled: true, sticky: true}, Facts{Mine: true}, granted, NotMine},
		{"foreign, no longer sticky", standing{unsettled: true}, remembered, granted, NotMine},
		{"about to be own", standing{ask: true, unsettled: true, sticky: true}, remembered, granted, Parked},
	} {
		if got := tt.s.judgeSYN(tt.facts, tt.lease); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A parked packet is asked about, stays while nothing is known, and goes where the
// answer says.
func TestParkedPacketWaitsForTheAnswer(t *testing.T) {
	frame := make([]byte, 54)
	frame[12], frame[14], frame[23] = 0x08, 0x45, protocolTCP
	copy(frame[26:], []byte{203, 0, 113, 7, 192, 0, 2, 100, 0x9c, 0x40, 0, 80})
	opening := Opening{Client: client.As16(), VIP: vipA.Address.As16(), Port: 80}
	own := standing{mine: true, unsettled: true, sticky: true}
	lease := Lease{Now: 1, Deadline: 2}
	for _, tt := range []struct {
		name     string
		clients  Clients
		released bool
		waits    bool
	}{
		{"nothing known", Clients{}, false, true},
		{"another client known", Clients{Opening{Port: 80}: {Mine: true}}, false, true},
		{"mine", Clients{opening: {Mine: true}}, true, false},
		{"elsewhere", Clients{opening: {Elsewhere: true}}, false, false},
	} {
		asks := make(chan Opening, 1)
		l := NewLot(4)
		l.Asks = asks
		l.judge = func(t *Table, frame []byte, facts Facts, lease Lease) Reason {
			f, _ := tcpFlow(frame)
			c := t.Clients[f.opening()]
			return own.judgeSYN(Facts{Mine: c.Mine, Elsewhere: c.Elsewhere}, lease)
		}
		if r := l.Park(frame, Facts{}, 1); r != Parked {
			t.Fatalf("%s: parked as %v", tt.name, r)
		}
		l.Review()
		table := (&Table{}).WithClients(tt.clients)
		released := l.Release(table, lease, make([]byte, LotPacketLen)) > 0
		if released != tt.released || (l.Len() == 1) != tt.waits {
			t.Errorf("%s: released %v, %d wait", tt.name, released, l.Len())
		}
		if asked := len(asks) == 1; asked != tt.waits {
			t.Errorf("%s: asked about: %v", tt.name, asked)
		} else if asked && <-asks != opening {
			t.Errorf("%s: asked about another", tt.name)
		}
		l.Review() // with a full channel, too
		l.Release(table, lease, make([]byte, LotPacketLen))
	}
}

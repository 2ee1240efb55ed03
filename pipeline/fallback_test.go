package pipeline

import (
	"testing"

	"github.com/google/gopacket/layers"

	"thresher/config"
)

// TestDefault: what matches no rule, by the default, the node's part and what it
// knows of the flow.
func TestDefault(t *testing.T) {
	known, fenced := Facts{Flow: FlowKnown, Stamped: true}, Lease{Now: 2, Deadline: 1}
	syn, udp := tcpFrame(40000, 81).bytes(t), udpFrame(40000, 54).bytes(t)
	ack := tcpFrame(40000, 81).change(func(f *frame) {
		f.l4.(*layers.TCP).SYN, f.l4.(*layers.TCP).ACK = false, true
	}).bytes(t)
	sctp := tcpFrame(40000, 80).patch(func(b []byte) []byte { b[23] = 132; return b }).bytes(t)
	stamp := icmpFrame(layers.ICMPv4TypeTimestampRequest).bytes(t)
	for _, tt := range []struct {
		name  string
		frame []byte
		facts Facts
		lease Lease
		// by default: deny, pass, single on the one node and on another
		want [4]Reason
	}{
		{"syn", syn, Facts{}, goodLease, [4]Reason{NoRule, AcceptedDefault, AcceptedDefault, NotMine}},
		{"syn, fenced", syn, Facts{}, fenced, [4]Reason{NoRule, AcceptedDefault, Fenced, NotMine}},
		{"segment of nobody", ack, Facts{}, goodLease, [4]Reason{NoRule, NoRule, NoRule, NoRule}},
		{"segment of a listener's", ack, Facts{Flow: FlowListen}, goodLease, [4]Reason{NoRule, NoRule, NoRule, NoRule}},
		{"segment of our own", ack, known, goodLease, [4]Reason{AcceptedOwn, AcceptedOwn, AcceptedOwn, AcceptedOwn}},
		{"segment of our own, fenced", ack, known, fenced, [4]Reason{AcceptedOwn, AcceptedOwn, AcceptedOwn, AcceptedOwn}},
		{"datagram", udp, Facts{}, goodLease, [4]Reason{NoRule, AcceptedDefault, AcceptedDefault, NotMine}},
		{"datagram for us", udp, known, fenced, [4]Reason{AcceptedOwn, AcceptedOwn, AcceptedOwn, AcceptedOwn}},
		{"other protocol", sctp, Facts{}, goodLease, [4]Reason{OtherProtocol, AcceptedDefault, AcceptedDefault, NotMine}},
		{"other icmp", stamp, Facts{}, goodLease, [4]Reason{OtherICMP, AcceptedDefault, AcceptedDefault, NotMine}},
	} {
		for i, d := range []config.Default{config.Deny, config.Pass, config.Single, config.Single} {
			table := testTable(t, i < 3)
			share := &Share{Rules: []*Part{&table.Parts[0], &table.Parts[0], &table.Parts[0]}, Echo: &table.Parts[0]}
			table = NewTable(table.WithDefault(d), share)
			if got := table.Judge(tt.frame, tt.facts, tt.lease); got != tt.want[i] {
				t.Errorf("%s, default %v (%d): %s, want %s", tt.name, d, i, got, tt.want[i])
			}
		}
	}
	stopped := NewTable(testTable(t, true).WithDefault(config.Single), nil)
	if got := stopped.Judge(syn, Facts{}, goodLease); got != NotServing {
		t.Errorf("a node that serves nothing: %s", got)
	}
	if got := stopped.Judge(ack, known, goodLease); got != AcceptedOwn {
		t.Errorf("its own connection: %s", got)
	}
}

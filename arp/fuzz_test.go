package arp

import (
	"testing"
	"time"
)

// FuzzHandle feeds any bytes through the client's parser and the receive step.
// Whatever comes in, what goes out is a proper reply with the VMAC in its
// payload only, and goes out when the reason says so.
func FuzzHandle(f *testing.F) {
	good := arpFrame(request(clientMAC, clientIP, vip))
	f.Add(good)
	f.Add(good[:20])
	f.Add(arpFrame(request(foreignMAC, vip, vip)))
	f.Add(append(append(good[:12:12], 0x81, 0x00, 0x00, 0x05), good[12:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		wire := newFakeConn()
		r := responderOn(t, wire, Options{})
		bind(t, r)
		reason := step(t, r, b, time.Unix(1, 0))
		var replies [][]byte
		for _, b := range wire.sent() {
			if s := parse(t, b); reason == Conflict && s.EthDst == broadcast.String() && s.EthSrc == nicMAC.String() && s.SenderMAC == vmac.String() {
				continue // the defence
			}
			replies = append(replies, b)
		}
		if answered := reason == Answered || reason == ProbeDefended; answered != (len(replies) == 1) {
			t.Fatalf("%v, and %d replies", reason, len(replies))
		}
		for _, reply := range replies {
			got := parse(t, reply)
			if got.EthSrc != nicMAC.String() || got.SenderMAC != vmac.String() || got.SenderIP != vip.String() ||
				got.EthDst != got.TargetMAC || got.EthDst == broadcast.String() {
				t.Fatalf("reply = %+v", got)
			}
		}
	})
}

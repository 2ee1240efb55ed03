package arp

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"
)

func TestAnnounceSendsBothForms(t *testing.T) {
	wire := newFakeConn()
	r := responderOn(t, wire, Options{})
	if err := r.Announce(Binding{Address: vip, MAC: vmac}); err != nil {
		t.Fatal(err)
	}
	form := seen{
		EthSrc: nicMAC.String(), EthDst: broadcast.String(), SenderMAC: vmac.String(),
		SenderIP: vip.String(), TargetIP: vip.String(),
	}
	asked, told := form, form
	asked.Op, asked.TargetMAC = layers.ARPRequest, "00:00:00:00:00:00"
	told.Op, told.TargetMAC = layers.ARPReply, vmac.String()
	var got []seen
	for _, b := range wire.sent() {
		got = append(got, parse(t, b))
	}
	if diff := cmp.Diff([]seen{asked, told}, got); diff != "" {
		t.Errorf("announcement (-want +got):\n%s", diff)
	}
	if c := r.Counters(); c.Announcements != 1 || c.AnnounceErrors != 0 {
		t.Errorf("counters = %+v", c)
	}
}

func TestAnnounceErrors(t *testing.T) {
	wire := newFakeConn()
	r := responderOn(t, wire, Options{})
	if err := r.Announce(Binding{Address: netip.MustParseAddr("2001:db8::1"), MAC: vmac}); err == nil {
		t.Error("an IPv6 address was announced")
	}
	wire.writeErr = unix.ENETDOWN
	if err := r.Announce(Binding{Address: vip, MAC: vmac}); !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("error = %v, want ENETDOWN in it", err)
	}
	if c := r.Counters(); c.Announcements != 0 || c.AnnounceErrors != 1 {
		t.Errorf("counters = %+v", c)
	}
}

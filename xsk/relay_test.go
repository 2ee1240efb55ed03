package xsk

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket/layers"

	"thresher/config"
	"thresher/pipeline"
)

const xdpTX = 3 // include/uapi/linux/bpf.h

// TestOneShareJudgesAPacket: while two shares take turns, of which one names another node
// as the owner of all buckets and the other this one, a client's packet is handed on or
// let in, and never dropped as it would be by this node's part of the one share and the
// owners of the other.
func TestOneShareJudgesAPacket(t *testing.T) {
	newWire(t, 1)
	p := ownAll(t, func(r *Rules) { r.Relays, r.Directed[0], r.Directed[1] = 1, 1, 1 })
	must(t, p.SetLease(1<<62))
	theirs, ours := wholeShare(), wholeShare()
	theirs.Parts[0] = Part{Owners: new([1 << 16]uint8)} // the first of the nodes
	ours.Parts[0].Owners = new([1 << 16]uint8)
	for b := range ours.Parts[0].Owners {
		ours.Parts[0].Owners[b] = pipeline.ThisNode
	}
	theirs.Nodes, ours.Nodes = []uint64{0x020000000002}, []uint64{0x020000000002}
	slot := uint32(p.slots.next)
	must(t, p.SetShare(theirs))
	must(t, p.SetShare(ours))

	for _, f := range families {
		for name, frame := range map[string][]byte{
			"TCP":  tcpTo(t, ownMAC, f.vip.Address.String()),
			"echo": echoTo(t, ownMAC, f.vip.Address.String()),
		} {
			verdicts := takeTurns(t, p, slot, frame)
			if verdicts[xdpTX] == 0 || verdicts[xdpPass] == 0 || len(verdicts) != 2 {
				t.Errorf("IPv%s, %s: verdicts %v, want %d and %d alone", f.name, name, verdicts, xdpTX, xdpPass)
			}
		}
	}
}

// echoTo is a client's echo request.
func echoTo(t *testing.T, mac config.MAC, ip string) []byte {
	t.Helper()
	if netip.MustParseAddr(ip).Is4() {
		eth, dst := headers(t, mac, netip.Addr{}, ip, layers.IPProtocolICMPv4)
		return serialize(t, eth, dst, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0)})
	}
	eth, dst := headers(t, mac, netip.Addr{}, ip, layers.IPProtocolICMPv6)
	icmp := layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoRequest, 0)}
	must(t, icmp.SetNetworkLayerForChecksum(dst))
	return serialize(t, eth, dst, &icmp, &layers.ICMPv6Echo{})
}

// takeTurns runs the program on a frame while two slots take turns, until both have judged
// often, and counts the verdicts.
func takeTurns(t *testing.T, p *Program, first uint32, frame []byte) map[uint32]int {
	t.Helper()
	stop, turned := make(chan struct{}), make(chan error)
	go func() {
		var err error
		for turn := uint32(0); err == nil; turn ^= 1 {
			select {
			case <-stop:
				turned <- err
				return
			default:
				err = p.slots.chosen.Set((first+turn)%shareSlots + 1)
			}
		}
		<-stop
		turned <- err
	}()
	verdicts := make(map[uint32]int)
	for range 40_000 {
		verdicts[run(t, p, frame)]++
	}
	eventually(t, "both have judged", func() bool {
		verdicts[run(t, p, frame)]++
		return len(verdicts) > 1
	})
	close(stop)
	must(t, <-turned)
	return verdicts
}

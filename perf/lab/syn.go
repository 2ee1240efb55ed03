package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// SYNs are TCP connection attempts that nobody completes.
type SYNs struct {
	// To is the address and port that they go to.
	To netip.AddrPort
	// MAC is the Ethernet address that they go to, the VMAC.
	MAC config.MAC
	// From are the sources, one SYN each, in this order.
	From []netip.AddrPort
	// Rate is how many are sent in a second. Default 1,000.
	Rate int
	// Salt changes every sequence number, so that SYNs from the same sources as
	// earlier ones are others.
	Salt uint32
}

// SYN is the one with that index, as a watch of handshakes sees it.
func (s SYNs) SYN(index int) SYN {
	// A different number for each SYN, spread over all 32 bits by Knuth's
	// multiplier, so that no two answers look alike.
	return SYN{Client: s.From[index], VIP: s.To, Seq: uint32(index)*2654435761 ^ s.Salt}
}

// SYNSources makes n different sources out of SYNRange: a new address each time,
// then the next port. At most 1 million are sensible.
func SYNSources(n int) []netip.AddrPort {
	const hosts = 32000 // of the range's 32,768
	first := SYNRange().Addr().As4()
	base := binary.BigEndian.Uint32(first[:]) + 1
	all := make([]netip.AddrPort, n)
	for i := range all {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], base+uint32(i%hosts))
		all[i] = netip.AddrPortFrom(netip.AddrFrom4(a), uint16(20000+i/hosts))
	}
	return all
}

// SYNSources6 makes n different sources out of SYNRange6, as SYNSources does.
func SYNSources6(n int) []netip.AddrPort {
	all := SYNSources(n)
	for i, s := range all {
		all[i] = netip.AddrPortFrom(In6(s.Addr()), s.Port())
	}
	return all
}

// SYNSourcesTo are the sources for an address: of SYNRange or SYNRange6.
func SYNSourcesTo(to netip.Addr, n int) []netip.AddrPort {
	if to.Is6() {
		return SYNSources6(n)
	}
	return SYNSources(n)
}

// SendSYNs sends the SYNs from the host at a steady rate and returns how many it
// sent. The frames are whole, as from a wire.
//
// The first client owns SYNRange. Its kernel answers the nodes' ARP requests and,
// as it knows of no connection, a SYN-ACK with a reset, which clears the node's
// half-open socket. For other sources somebody must answer ARP.
func (h *Host) SendSYNs(ctx context.Context, s SYNs) (int, error) {
	if s.Rate <= 0 {
		s.Rate = 1000
	}
	conn, err := h.rawSocket()
	if err != nil {
		return 0, fmt.Errorf("lab: send SYNs from %s: %w", h.Name, err)
	}
	sent, err := s.send(ctx, conn, h.MAC)
	if err = errors.Join(err, conn.Close()); err != nil {
		return sent, fmt.Errorf("lab: send SYNs from %s: %w", h.Name, err)
	}
	return sent, nil
}

// rawSocket opens a socket that sends frames and receives none.
func (h *Host) rawSocket() (*packet.Conn, error) {
	var conn *packet.Conn
	err := h.Do(func() error {
		ifi, err := net.InterfaceByName(Interface)
		if err != nil {
			return err
		}
		conn, err = packet.Listen(ifi, packet.Raw, 0, nil)
		return err
	})
	return conn, err
}

// send keeps the rate on average, by the time that has passed, so that a late
// wake-up is made up for.
func (s SYNs) send(ctx context.Context, conn *packet.Conn, from config.MAC) (int, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	buf := gopacket.NewSerializeBuffer()
	for sent := 0; sent < len(s.From); {
		due := int(time.Since(start).Seconds()*float64(s.Rate)) + 1
		for ; sent < min(due, len(s.From)); sent++ {
			if err := s.frame(buf, sent, from); err != nil {
				return sent, err
			}
			if err := sendFrame(conn, buf.Bytes(), s.MAC); err != nil {
				return sent, err
			}
		}
		select {
		case <-ctx.Done():
			return sent, ctx.Err()
		case <-tick.C:
		}
	}
	return len(s.From), nil
}

// sendFrame sends one whole frame. The kernel says ENOBUFS when a queue is full
// for the moment.
func sendFrame(conn *packet.Conn, frame []byte, to config.MAC) error {
	for {
		_, err := conn.WriteTo(frame, &packet.Addr{HardwareAddr: to.HardwareAddr()})
		if !errors.Is(err, unix.ENOBUFS) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// frame builds the SYN with that index.
func (s SYNs) frame(buf gopacket.SerializeBuffer, index int, from config.MAC) error {
	return s.segment(buf, index, from, func(tcp *layers.TCP) {
		tcp.SYN = true
		tcp.Options = []layers.TCPOption{{
			OptionType: layers.TCPOptionKindMSS, OptionLength: 4,
			OptionData: []byte{1460 >> 8, 1460 & 0xff},
		}}
	})
}

// segment builds a segment with that index's ends and number, made what it is by
// become.
func (s SYNs) segment(buf gopacket.SerializeBuffer, index int, from config.MAC, become func(*layers.TCP)) error {
	source := s.From[index]
	eth := &layers.Ethernet{
		SrcMAC: from.HardwareAddr(), DstMAC: s.MAC.HardwareAddr(),
		EthernetType: layers.EthernetTypeIPv4,
	}
	var ip interface {
		gopacket.NetworkLayer
		gopacket.SerializableLayer
	} = &layers.IPv4{
		Version: 4, TTL: 64, Id: uint16(index), Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocolTCP,
		SrcIP: source.Addr().AsSlice(), DstIP: s.To.Addr().AsSlice(),
	}
	if s.To.Addr().Is6() {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{
			Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP,
			SrcIP: source.Addr().AsSlice(), DstIP: s.To.Addr().AsSlice(),
		}
	}
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(source.Port()), DstPort: layers.TCPPort(s.To.Port()),
		Seq: s.SYN(index).Seq, Window: 64240,
	}
	become(tcp)
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		return err
	}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	return gopacket.SerializeLayers(buf, options, eth, ip, tcp)
}

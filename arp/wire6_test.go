package arp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/internal/leftout"
)

// newSegment6 is a segment whose ends speak IPv6 at once: without the second that
// duplicate address detection takes.
func newSegment6(t *testing.T) *segment {
	s := newSegment(t)
	s.node.Addr(t, "eth0", "2001:db8::11/64")
	s.client.Do(t, func() error { return writeSysctl("net/ipv6/conf/eth0/accept_dad", "0") })
	s.node.Do(t, func() error { return writeSysctl("net/ipv6/conf/eth0/accept_dad", "0") })
	s.client.Addr(t, "eth0", "2001:db8::7/64")
	for _, ns := range []interface {
		Link(testing.TB, string, bool)
	}{s.node, s.client} {
		ns.Link(t, "eth0", false)
		ns.Link(t, "eth0", true)
	}
	s.node.Addr(t, "eth0", "2001:db8::11/64") // IPv6 addresses go with the link
	s.client.Addr(t, "eth0", "2001:db8::7/64")
	s.node.Do(t, usable6)
	s.client.Do(t, usable6)
	return s
}

// usable6 waits until eth0 has a link-local address and none is tentative: the
// kernel leaves that state in work of its own, without detection too.
func usable6() error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		addresses, err := netlink.AddrList(link, netlink.FAMILY_V6)
		if err != nil {
			return err
		}
		local, tentative := false, false
		for _, a := range addresses {
			local = local || a.IP.IsLinkLocalUnicast()
			tentative = tentative || a.Flags&unix.IFA_F_TENTATIVE != 0
		}
		if local && !tentative {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("eth0's addresses stay tentative: %v", addresses)
		}
	}
}

func writeSysctl(name, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
}

// openNode6 gives the node the VIP as the daemon does, and a running Responder.
func (s *segment) openNode6(t *testing.T, o Options) *Responder {
	t.Helper()
	var r *Responder
	s.node.Do(t, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		address := &netlink.Addr{IPNet: &net.IPNet{IP: vip6.AsSlice(), Mask: net.CIDRMask(128, 128)}, Flags: 2 /* IFA_F_NODAD */}
		if err := netlink.AddrAdd(lo, address); err != nil {
			return err
		}
		r, err = OpenIPv6(s.nodeIf, o)
		return err
	})
	return inService(t, r)
}

// sniff6 opens a packet socket at the client for NDP that comes in.
func (s *segment) sniff6(t *testing.T) *packet.Conn {
	t.Helper()
	filter, err := ndpOnly()
	return s.listen(t, 0x86dd, filter, err)
}

// advertisements reads what has come about the VIP so far, and waits a moment for
// more: what would be one too many comes at once.
func advertisements(t *testing.T, conn *packet.Conn) (all []advertised) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 2048); ; {
		n, _, err := conn.ReadFrom(b)
		if err != nil {
			return all
		}
		p := gopacket.NewPacket(b[:n], layers.LayerTypeEthernet, gopacket.Default)
		na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
		if ok && na.TargetAddress.Equal(vip6.AsSlice()) {
			all = append(all, readAdvertisement(t, b[:n]))
		}
	}
}

// clientRuns runs a program at the client, and returns what it said.
func (s *segment) clientRuns(t *testing.T, program string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		leftout.Skip(t, "the program "+program+" is not installed")
	}
	var out []byte
	s.client.Do(t, func() error {
		out, _ = exec.Command(program, args...).CombinedOutput() // it exits 1 without an answer
		return nil
	})
	return string(out)
}

// A node that another one answers for keeps quiet, however it is asked, and so does
// its kernel, though it has the VIP: on lo.
func TestAnotherNodesVIPIsNotAnswered(t *testing.T) {
	s := newSegment6(t)
	r := s.openNode6(t, Options{})
	if err := r.SetBindings(nil, []Binding{{Address: vip6, MAC: vmac6}}); err != nil {
		t.Fatal(err)
	}
	wire := s.sniff6(t)
	card := macOf(s.nodeIf.HardwareAddr)
	me := config.MAC{}
	s.client.Do(t, func() error {
		ifi, err := net.InterfaceByName("eth0")
		me = macOf(ifi.HardwareAddr)
		return err
	})
	ask := solicit(me, client6, vip6)
	for _, frame := range []neighbour{ask, ask.to(vip6, card), solicit(me, netip.IPv6Unspecified(), vip6)} {
		if _, err := wire.WriteTo(ndpBytes(frame), &packet.Addr{HardwareAddr: frame.eth.DstMAC}); err != nil {
			t.Fatal(err)
		}
	}
	if got := advertisements(t, wire); len(got) != 0 {
		t.Errorf("advertisements %+v, want none", got)
	}
	counted(t, r, NotElected, 3)
}

func TestNdisc6GetsExactlyOneAdvertisementOfTheVMAC(t *testing.T) {
	s := newSegment6(t)
	r := s.openNode6(t, Options{})
	wire := s.sniff6(t)
	ask := []string{"-1", "-r", "1", "-w", "500", vip6.String(), "eth0"}
	if out := s.clientRuns(t, "ndisc6", ask...); !strings.Contains(out, "No response") {
		t.Fatalf("before any binding the kernel itself answers: %s", out)
	}
	bind6(t, r)
	s.openGate(t, wire)
	patient := []string{"-1", "-r", "1", "-w", "5000", vip6.String(), "eth0"} // it ends with the answer
	for range 3 {
		out := s.clientRuns(t, "ndisc6", patient...)
		if !strings.Contains(strings.ToLower(out), vmac6.String()) {
			t.Errorf("ndisc6 says %q, want %v", out, vmac6)
		}
		got := solicitedOnly(advertisements(t, wire))
		card := s.nodeIf.HardwareAddr.String()
		if len(got) != 1 || got[0].EthSrc != card || got[0].MAC != vmac6.String() || got[0].HopLimit != 255 ||
			got[0].Flags != solicitedFlag|overrideFlag {
			t.Errorf("advertisements %+v, want one by %s with %v", got, card, vmac6)
		}
	}
}

// openGate waits for the first announcement.
func (s *segment) openGate(t *testing.T, wire *packet.Conn) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		for _, a := range advertisements(t, wire) {
			if a.To == "ff02::1" && a.Flags == overrideFlag && a.MAC == vmac6.String() && a.EthSrc == s.nodeIf.HardwareAddr.String() {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no announcement has reached the client")
		}
	}
}

func solicitedOnly(all []advertised) (solicited []advertised) {
	for _, a := range all {
		if a.Flags&solicitedFlag != 0 {
			solicited = append(solicited, a)
		}
	}
	return solicited
}

// A machine that is given the VIP finds out by duplicate address detection that it
// is taken: the kernel of a client, which is not ours.
func TestDuplicateAddressDetectionOfAnotherMachineFails(t *testing.T) {
	s := newSegment6(t)
	r := s.openNode6(t, Options{})
	bind6(t, r)
	s.client.Do(t, func() error { return writeSysctl("net/ipv6/conf/eth0/accept_dad", "1") })
	// The kernel puts its probe off at random, and takes an announcement that comes
	// first for an answer: then it tries again.
	for range 10 {
		s.client.Addr(t, "eth0", vip6.String()+"/64")
		s.failsToTake(t, r)
		if r.Counters().Frames[ProbeDefended] > 0 {
			return
		}
		s.client.Do(t, func() error {
			return exec.Command("ip", "-6", "address", "del", vip6.String()+"/64", "dev", "eth0").Run()
		})
	}
	t.Errorf("counters = %+v, want a defended probe", r.Counters())
}

// failsToTake waits until the client's kernel has given the VIP up.
func (s *segment) failsToTake(t *testing.T, r *Responder) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if flags := s.flagsOf(t, vip6); flags&0x08 != 0 { // IFA_F_DADFAILED
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the address is taken; counters = %+v", r.Counters())
		}
	}
}

// flagsOf are the kernel's flags of an address of the client's.
func (s *segment) flagsOf(t *testing.T, a netip.Addr) (flags int) {
	t.Helper()
	s.client.Do(t, func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		list, err := netlink.AddrList(l, netlink.FAMILY_V6)
		for _, have := range list {
			if have.IP.Equal(a.AsSlice()) {
				flags = have.Flags
			}
		}
		return err
	})
	return flags
}

// Who claims the VIP is reported, and answered by a defence.
func TestAForeignAdvertisementIsReportedAndAnswered(t *testing.T) {
	s := newSegment6(t)
	claims := make(chan string, 16)
	r := s.openNode6(t, Options{Conflict: func(a netip.Addr, m config.MAC) { claims <- a.String() + " " + m.String() }})
	bind6(t, r)
	wire := s.sniff6(t)
	s.openGate(t, wire)
	// A machine that has the VIP without having asked: accept_dad is 0.
	s.client.Addr(t, "eth0", vip6.String()+"/64")
	mac := s.clientMAC(t)
	// It asks for a neighbour from there.
	said := ""
	for deadline := time.Now().Add(10 * time.Second); len(claims) == 0; {
		said += s.clientRuns(t, "ndisc6", "-1", "-r", "1", "-w", "200", "-s", vip6.String(), "2001:db8::11", "eth0")
		if time.Now().After(deadline) {
			t.Fatalf("no conflict reported; counters = %+v; ndisc6 said %s", r.Counters(), said)
		}
	}
	if got, want := <-claims, vip6.String()+" "+mac; got != want {
		t.Errorf("claim = %s, want %s", got, want)
	}
	for deadline := time.Now().Add(5 * time.Second); r.Counters().Defences == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no defence; counters = %+v", r.Counters())
		}
	}
}

func (s *segment) clientMAC(t *testing.T) (mac string) {
	t.Helper()
	s.client.Do(t, func() error {
		ifi, err := net.InterfaceByName("eth0")
		mac = ifi.HardwareAddr.String()
		return err
	})
	return mac
}

// A node's kernel that looks for a neighbour to send to from the VIP asks in the
// name of the interface, not of the VIP: it would tell everybody another address
// for it than the VMAC. IPv4 needs arp_announce for that.
func TestTheKernelDoesNotAskInTheVIPsName(t *testing.T) {
	s := newSegment6(t)
	s.openNode6(t, Options{})
	wire := s.sniff6(t)
	s.node.Do(t, func() error {
		_ = exec.Command("ping", "-6", "-c", "1", "-W", "1", "-I", vip6.String(), client6.String()).Run() // nobody answers to the VMAC
		return nil
	})
	if err := wire.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 2048); ; {
		n, _, err := wire.ReadFrom(b)
		if err != nil {
			t.Fatalf("the node has not asked: %v", err)
		}
		p := gopacket.NewPacket(b[:n], layers.LayerTypeEthernet, gopacket.Default)
		ns, ok := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
		if !ok || !ns.TargetAddress.Equal(client6.AsSlice()) {
			continue
		}
		if ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6); !ip.SrcIP.IsLinkLocalUnicast() {
			t.Errorf("the node asks from %v", ip.SrcIP)
		}
		return
	}
}

func TestIPv6ComesBackWithTheLink(t *testing.T) {
	s := newSegment6(t)
	r := s.openNode6(t, Options{})
	bind6(t, r)
	wire := s.sniff6(t)
	s.openGate(t, wire)
	// Without IPv6 the kernel forgets the groups that the interface was in.
	s.node.Do(t, func() error { return writeSysctl("net/ipv6/conf/eth0/disable_ipv6", "1") })
	s.node.Do(t, func() error { return writeSysctl("net/ipv6/conf/eth0/disable_ipv6", "0") })
	s.node.Link(t, "eth0", false)
	s.node.Link(t, "eth0", true)
	if err := r.Reannounce(); err != nil {
		t.Fatal(err)
	}
	s.openGate(t, wire)
	if out := s.clientRuns(t, "ndisc6", "-1", "-r", "3", "-w", "5000", vip6.String(), "eth0"); !strings.Contains(strings.ToLower(out), vmac6.String()) {
		t.Errorf("ndisc6 says %q, want %v", out, vmac6)
	}
}

func TestOpenIPv6SaysWhatIsMissing(t *testing.T) {
	s := newSegment(t)
	s.node.Do(t, func() error {
		if err := writeSysctl("net/ipv6/conf/eth0/disable_ipv6", "1"); err != nil {
			return err
		}
		if r, err := OpenIPv6(s.nodeIf, Options{}); !errors.Is(err, ErrNoIPv6) || !strings.Contains(err.Error(), "disable_ipv6=0") {
			t.Errorf("without IPv6: %v, %v; want ErrNoIPv6 with its cure", r, err)
		}
		return nil
	})
}

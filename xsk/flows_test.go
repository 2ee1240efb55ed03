package xsk

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/asavie/xdp"
	"github.com/cilium/ebpf"
	"github.com/google/gopacket/layers"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/pipeline"
)

// sockets is a node with a server on the VIP that a client reaches without the
// program, and a program that says what it knows.
type sockets struct {
	*testing.T
	family
	wire     *wire
	program  *Program
	listener *net.TCPListener
}

func newSockets(t *testing.T, f family) *sockets {
	w := newWire(t, 1)
	w.inClient(t, func() {
		must(t, netlink.NeighSet(&netlink.Neigh{
			LinkIndex: w.far.Attrs().Index, IP: f.vip.Address.AsSlice(),
			HardwareAddr: w.nic.Attrs().HardwareAddr, State: netlink.NUD_PERMANENT,
		}))
	})
	p, err := LoadProgram(rulesFor(w.nicMAC()))
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	must(t, p.Arm())
	l, err := net.ListenTCP("tcp"+f.name, &net.TCPAddr{IP: f.vip.Address.AsSlice(), Port: 80})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return &sockets{T: t, family: f, wire: w, program: p, listener: l}
}

// connect returns both ends of a connection, the server's first.
func (s *sockets) connect() (server, client *net.TCPConn) {
	s.Helper()
	var err error
	s.wire.inClient(s.T, func() {
		client, err = net.DialTCP("tcp"+s.name, nil, &net.TCPAddr{IP: s.vip.Address.AsSlice(), Port: 80})
		must(s, err)
	})
	server, err = s.listener.AcceptTCP()
	must(s, err)
	s.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// segment is a TCP packet to the VIP.
func (s *sockets) segment(from netip.Addr, tcp layers.TCP) []byte {
	s.Helper()
	eth, ip := headers(s, s.wire.nicMAC(), from, s.vip.Address.String(), layers.IPProtocolTCP)
	eth.SrcMAC = s.wire.far.Attrs().HardwareAddr
	must(s, tcp.SetNetworkLayerForChecksum(ip))
	return serialize(s, eth, ip, &tcp)
}

// flow is what the program's lookup says about a frame.
func (s *sockets) flow(frame []byte) pipeline.FlowState {
	s.Helper()
	run := &ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame)+Headroom)}
	_, err := s.program.Run(run)
	must(s, err)
	facts := pipeline.ParseFacts(binary.LittleEndian.Uint64(run.DataOut))
	if !facts.Stamped {
		s.Fatalf("no metadata before %x", run.DataOut)
	}
	return facts.Flow
}

// becomes waits for a state: the other end's packets need a moment.
func (s *sockets) becomes(what string, frame []byte, want pipeline.FlowState) {
	s.Helper()
	var got pipeline.FlowState
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if got = s.flow(frame); got == want {
			return
		}
	}
	s.Errorf("%s: state %d, want %d", what, got, want)
}

// send puts frames on the wire at the client's end.
func (s *sockets) send(frame []byte) {
	s.Helper()
	s.wire.inClient(s.T, func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		must(s, err)
		defer unix.Close(fd)
		must(s, unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: s.wire.far.Attrs().Index}))
	})
}

// TestKernelKnowsFlows asks the kernel's own sockets, in every state that counts.
func TestKernelKnowsFlows(t *testing.T) {
	for _, f := range families {
		t.Run("IPv"+f.name, func(t *testing.T) { kernelKnowsFlows(t, newSockets(t, f)) })
	}
}

func kernelKnowsFlows(t *testing.T, s *sockets) {
	ack := layers.TCP{SrcPort: 50000, DstPort: 80, ACK: true, Seq: 1, Ack: 1}
	port := func(c *net.TCPConn) layers.TCPPort {
		return layers.TCPPort(c.LocalAddr().(*net.TCPAddr).Port)
	}
	me := s.client

	s.becomes("random tuple at a listener", s.segment(me, ack), pipeline.FlowListen)
	none := ack
	none.DstPort = 81
	s.becomes("random tuple at a port without a listener", s.segment(me, none), pipeline.FlowNone)

	server, client := s.connect()
	established := ack
	established.SrcPort = port(client)
	s.becomes("established", s.segment(me, established), pipeline.FlowKnown)
	must(t, server.CloseWrite())
	_, err := io.Copy(io.Discard, client)
	must(t, err)
	s.becomes("half closed", s.segment(me, established), pipeline.FlowKnown)
	must(t, server.Close())
	must(t, client.Close())
	s.becomes("closed by the server first", s.segment(me, established), pipeline.FlowTimeWait)

	silent := s.silent // its SYN-ACK gets no answer
	syn := layers.TCP{SrcPort: 50001, DstPort: 80, SYN: true, Seq: 4711, Window: 1024}
	s.send(s.segment(silent, syn))
	s.becomes("half open", s.segment(silent, syn), pipeline.FlowKnown)
	s.becomes("half open, its acknowledgement", s.segment(silent, layers.TCP{SrcPort: 50001, DstPort: 80, ACK: true}), pipeline.FlowKnown)
}

// TestKernelKnowsCookies brings back a SYN cookie, and a wrong one.
func TestKernelKnowsCookies(t *testing.T) {
	for _, f := range families {
		t.Run("IPv"+f.name, func(t *testing.T) { kernelKnowsCookies(t, newSockets(t, f)) })
	}
}

func kernelKnowsCookies(t *testing.T, s *sockets) {
	must(t, os.WriteFile("/proc/sys/net/ipv4/tcp_syncookies", []byte("2"), 0o644))
	var raw int
	s.wire.inClient(t, func() { raw = listenRaw(t, s.raw, unix.IPPROTO_TCP) })
	me := s.client
	s.send(s.segment(me, layers.TCP{SrcPort: 50002, DstPort: 80, SYN: true, Seq: 4711, Window: 1024}))
	answer := make([]byte, 2048)
	must(t, unix.SetsockoptTimeval(raw, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}))
	n, err := unix.Read(raw, answer)
	for errors.Is(err, unix.EINTR) { // by a signal of the runtime's
		n, err = unix.Read(raw, answer)
	}
	must(t, err)
	if n < s.ip+20 || answer[s.ip+13]&0x12 != 0x12 {
		t.Fatalf("no SYN-ACK: %x", answer[:n])
	}
	back := layers.TCP{SrcPort: 50002, DstPort: 80, ACK: true, Seq: 4712, Ack: binary.BigEndian.Uint32(answer[s.ip+4:]) + 1, Window: 1024}
	s.becomes("cookie", s.segment(me, back), pipeline.FlowCookie)
	back.Ack += 1 << 16 // its low bits are an index of four sizes (net/ipv4/syncookies.c)
	s.becomes("a wrong cookie", s.segment(me, back), pipeline.FlowListen)
}

// TestFactsComeWithFrames takes frames from a real socket, with what the program
// found out about them.
func TestFactsComeWithFrames(t *testing.T) {
	for _, mode := range []config.XDPMode{config.XDPNative, config.XDPGeneric} {
		for _, f := range families {
			t.Run(mode.String()+" IPv"+f.name, func(t *testing.T) { factsComeWithFrames(t, newSockets(t, f), mode) })
		}
	}
}

func factsComeWithFrames(t *testing.T, s *sockets, mode config.XDPMode) {
	q := openTestQueue(t, s.wire)
	got := attach(t, s.wire, s.program, mode)
	if got != mode {
		t.Fatalf("attached in mode %v", got)
	}
	must(t, s.program.Register(q))
	for i := range 3 {
		before := boottime(t)
		s.send(s.segment(s.client, layers.TCP{SrcPort: layers.TCPPort(50000 + i), DstPort: 80, SYN: true}))
		var descs []xdp.Desc
		eventually(t, "the frame has come", func() bool {
			must(t, q.bell.sleep(q.rx.fd(), 1000))
			descs = q.rx.receive(1)
			return len(descs) == 1
		})
		facts := pipeline.ParseFacts(q.rx.takeMeta(descs[0]))
		if !facts.Stamped || facts.Flow != pipeline.FlowListen || facts.HalfOpen {
			t.Errorf("frame %d: %+v, want a listener's", i, facts)
		}
		const unit = 16 // FACTS_UNIT of bpf/facts.h
		if earliest, latest := uint32(before>>unit), uint32(boottime(t)>>unit); facts.Time < earliest || facts.Time > latest {
			t.Errorf("frame %d: time %d, want %d to %d", i, facts.Time, earliest, latest)
		}
		if again := pipeline.ParseFacts(q.rx.takeMeta(descs[0])); again.Stamped {
			t.Errorf("frame %d: its facts stay behind for the next", i)
		}
		q.rx.free.put(descs[0].Addr)
	}
}

package farm

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"thresher/config"
	"thresher/farm/findings"
	"thresher/farm/flows"
	"thresher/internal/leftout"
	"thresher/internal/netnstest"
	"thresher/pipeline"
	"thresher/xsk"
)

// gateway is a node with the real program that translates what is for the VIP to
// a server of its own behind it.
type gateway struct {
	*netnstest.NS
	name    string
	inside  *netnstest.NS
	program *xsk.Program
	rules   *pipeline.Rules
	tables  *flows.Table
}

// gateways are two of them, with a client on one segment. There is no daemon: the
// test itself says whose the buckets are.
type gateways struct {
	t      *testing.T
	client *netnstest.NS
	nodes  [2]*gateway
}

var gatewayVIP = config.VIP{Address: netip.MustParseAddr("10.9.0.100"), Mode: config.Flood, MAC: config.MAC{0x5a, 0xfe, 10, 9, 0, 100}}

const (
	webPort, dnsPort = 80, 53
	insidePort       = 8080 // of both servers
	patience         = 5 * time.Second
	goodbye          = "bye" // after this line a server closes
)

// gatewayRules are a rule for TCP and one for UDP.
func gatewayRules(forward bool) []config.Rule {
	return []config.Rule{
		{Name: "web", Protocol: config.TCP, Ports: []config.PortRange{{First: webPort, Last: webPort}}, Affinity: config.Session, Forward: forward},
		{Name: "dns", Protocol: config.UDP, Ports: []config.PortRange{{First: dnsPort, Last: dnsPort}}, Affinity: config.Session, Forward: forward},
	}
}

func newGateways(t *testing.T, mode config.XDPMode, forward bool) *gateways {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		leftout.Skip(t, err.Error())
	}
	g := &gateways{t: t, client: netnstest.New(t)}
	if err := xsk.CheckForward(); errors.Is(err, xsk.ErrNoConntrack) {
		leftout.Skip(t, err.Error())
	}
	bridge := netnstest.New(t)
	g.inNS(bridge, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "br0"
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		return errors.Join(setSysctl("net/ipv6/conf/br0/disable_ipv6", "1"), linkUp("br0"))
	})
	g.plug(bridge, g.client, "eth0", "client", "10.9.0.1/24")
	g.inNS(g.client, func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: gatewayVIP.Address.AsSlice(),
			HardwareAddr: gatewayVIP.MAC.HardwareAddr(), State: netlink.NUD_PERMANENT})
	})
	for i := range g.nodes {
		g.nodes[i] = g.newGateway(bridge, i+1, mode, forward)
	}
	return g
}

func (g *gateways) inNS(ns *netnstest.NS, f func() error) {
	g.t.Helper()
	ns.Do(g.t, f)
}

// plug connects a machine to the bridge.
func (g *gateways) plug(bridge, ns *netnstest.NS, name, port, address string) {
	g.t.Helper()
	ns.Veth(g.t, name, bridge, port, 1)
	g.inNS(bridge, func() error {
		l, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		br, err := netlink.LinkByName("br0")
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(l, br)
	})
	ns.Addr(g.t, name, address)
}

// newGateway makes a node, its server behind it, and the program on its interface.
func (g *gateways) newGateway(bridge *netnstest.NS, number int, mode config.XDPMode, forward bool) *gateway {
	g.t.Helper()
	n := &gateway{NS: netnstest.New(g.t), name: fmt.Sprintf("node%d", number), inside: netnstest.New(g.t)}
	g.plug(bridge, n.NS, "eth0", n.name, fmt.Sprintf("10.9.0.%d/24", 10+number))
	n.Veth(g.t, "eth1", n.inside, "eth0", 1)
	n.Addr(g.t, "eth1", "10.10.0.1/24")
	n.Addr(g.t, "lo", gatewayVIP.Address.String()+"/32")
	n.inside.Addr(g.t, "eth0", "10.10.0.2/24")
	g.inNS(n.inside, func() error {
		return errors.Join(netlink.RouteAdd(&netlink.Route{Gw: net.IPv4(10, 10, 0, 1)}), n.serve(g.t))
	})
	g.inNS(n.NS, func() error { return n.translate() })
	g.inNS(n.NS, func() error { return n.load(g.t, mode, forward) })
	return n
}

// translate makes the machine a gateway.
func (n *gateway) translate() error {
	err := nft(fmt.Sprintf(`table ip nat {
	chain in {
		type nat hook prerouting priority dstnat
		iifname eth0 ip daddr %[1]s tcp dport %[2]d dnat to 10.10.0.2:%[4]d
		iifname eth0 ip daddr %[1]s udp dport %[3]d dnat to 10.10.0.2:%[4]d
	}
}`, gatewayVIP.Address, webPort, dnsPort, insidePort))
	return errors.Join(err, setSysctl("net/ipv4/ip_forward", "1"), setSysctl("net/ipv4/conf/all/arp_ignore", "1"), setSysctl(findings.LooseSysctl, "0"))
}

// load puts the program onto the interface. It serves nothing yet.
func (n *gateway) load(t *testing.T, mode config.XDPMode, forward bool) error {
	l, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	a := l.Attrs()
	n.rules, err = pipeline.Compile([]config.VIP{gatewayVIP}, gatewayRules(forward), config.HashKey{Function: config.Multilinear, Secret: [16]byte{7}}, config.MAC(a.HardwareAddr))
	if err != nil {
		return err
	}
	if n.program, err = xsk.LoadProgram(kernelRules(n.rules, config.OffloadFull)); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := n.program.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := n.program.Attach(&net.Interface{Index: a.Index, Name: a.Name}, "veth", mode, nil); err != nil {
		return err
	}
	if n.tables, err = flows.Open([]netip.Addr{gatewayVIP.Address}, gatewayVIP.Address); err != nil {
		return err
	}
	t.Cleanup(func() {
		if err := n.tables.Close(); err != nil {
			t.Error(err)
		}
	})
	return n.program.Arm()
}

// serve answers every line and every datagram with the node's name and what came. It
// closes first what says goodbye.
// It listens in the namespace of the calling thread.
func (n *gateway) serve(t *testing.T) error {
	l, err := net.Listen("tcp4", fmt.Sprintf("10.10.0.2:%d", insidePort))
	if err != nil {
		return err
	}
	u, err := net.ListenPacket("udp4", fmt.Sprintf("10.10.0.2:%d", insidePort))
	if err != nil {
		return errors.Join(err, l.Close())
	}
	t.Cleanup(func() { l.Close(); u.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan() && lines.Text() != goodbye; {
					fmt.Fprintf(c, "%s %s\n", n.name, lines.Text())
				}
			}()
		}
	}()
	go func() {
		b := make([]byte, 2048)
		for {
			size, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			if _, err := u.WriteTo([]byte(n.name+" "+string(b[:size])), from); err != nil {
				return
			}
		}
	}()
	return nil
}

// gives makes the program judge by one part for everything, with a lease or not.
func (g *gateways) gives(n *gateway, mine, unsettled, lease bool) {
	g.t.Helper()
	part := &pipeline.Part{}
	for b := range pipeline.Buckets {
		if mine {
			part.Mine.Set(uint16(b))
		}
		if unsettled {
			part.Unsettled.Set(uint16(b))
		}
	}
	table := pipeline.NewTable(n.rules, &pipeline.Share{Rules: []*pipeline.Part{part, part}, Echo: part})
	deadline := int64(0)
	if lease {
		deadline = math.MaxInt64
	}
	if err := errors.Join(n.program.SetShare(kernelShare(table)), n.program.SetLease(deadline)); err != nil {
		g.t.Fatal(err)
	}
}

// dial opens so many connections, or sockets that send to the VIP.
func (g *gateways) dial(network string, port uint16, n int) []net.Conn {
	g.t.Helper()
	list := make([]net.Conn, n)
	g.inNS(g.client, func() (err error) {
		for i := range list {
			d := net.Dialer{Timeout: patience}
			if list[i], err = d.Dial(network, netip.AddrPortFrom(gatewayVIP.Address, port).String()); err != nil {
				return err
			}
			g.t.Cleanup(func() { list[i].Close() })
		}
		return nil
	})
	return list
}

// say sends a line and returns the answer.
func say(c net.Conn, line string, patience time.Duration) (string, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	b := make([]byte, 2048)
	n, err := c.Read(b)
	return strings.TrimSpace(string(b[:n])), err
}

// answeredBy has every connection say something, and get the answer of one node.
func (g *gateways) answeredBy(node, when string, conns []net.Conn) {
	g.t.Helper()
	for i, c := range conns {
		line := fmt.Sprintf("%s %d", when, i)
		if got, err := say(c, line, patience); err != nil || got != node+" "+line {
			g.t.Fatalf("%s, %s connection %d of %d: answer %q, %v, want %s's", when, c.LocalAddr().Network(), i, len(conns), got, err, node)
		}
	}
}

// silent fails if an answer comes that nobody asked for: a packet that two nodes
// took.
func (g *gateways) silent(when string, conns []net.Conn) {
	g.t.Helper()
	end := time.Now().Add(50 * time.Millisecond) // for all of them together
	for i, c := range conns {
		if err := c.SetReadDeadline(end); err != nil {
			g.t.Fatal(err)
		}
		b := make([]byte, 2048)
		if n, err := c.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			g.t.Errorf("%s, connection %d: another answer %q, %v", when, i, b[:n], err)
		}
	}
}

// flows are what a scan of a node finds, by rule.
func (g *gateways) flows(n *gateway) []int {
	g.t.Helper()
	found, err := n.tables.Scan(n.rules)
	if err != nil {
		g.t.Fatal(err)
	}
	return found.Flows
}

// nft adds rules in the namespace of the calling thread.
func nft(rules string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

func setSysctl(name, value string) error {
	return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644)
}

func linkUp(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

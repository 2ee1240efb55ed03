package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"thresher/config"
)

// pingProbe asks hosts for an echo, all at once.
func pingProbe(c config.PingCheck) Func {
	return func(ctx context.Context) Result {
		var wait sync.WaitGroup
		errs := make([]error, len(c.Targets))
		for i, target := range c.Targets {
			wait.Go(func() { errs[i] = ping(ctx, target) })
		}
		wait.Wait()
		answered := 0
		var silent []string
		for i, err := range errs {
			if err == nil {
				answered++
			} else {
				silent = append(silent, fmt.Sprintf("%v: %s", c.Targets[i], because(err)))
			}
		}
		if answered >= c.AtLeast {
			return ok("%d of %d answer", answered, len(c.Targets))
		}
		return failed("%s", strings.Join(silent, ", "))
	}
}

// again is after how long an echo request is repeated: one may be lost.
const again = 300 * time.Millisecond

// ping sends echo requests until one is answered (RFC 792, RFC 4443).
func ping(ctx context.Context, to netip.Addr) error {
	network, proto, request, reply := "ip4:icmp", 1, icmp.Type(ipv4.ICMPTypeEcho), icmp.Type(ipv4.ICMPTypeEchoReply)
	if to.Is6() {
		network, proto, request, reply = "ip6:ipv6-icmp", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	conn, err := icmp.ListenPacket(network, "")
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	id, nonce := int(rand.Uint32()&0xffff), rand.Uint64()
	message := icmp.Message{Type: request, Body: &icmp.Echo{ID: id, Seq: 1, Data: binary.BigEndian.AppendUint64(nil, nonce)}}
	packet, err := message.Marshal(nil)
	if err != nil {
		return err
	}
	for {
		if _, err := conn.WriteTo(packet, &net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()}); err != nil {
			return err
		}
		heard, err := awaitEcho(ctx, conn, proto, reply, id, nonce)
		if ctx.Err() != nil && !heard {
			return ctx.Err()
		}
		if heard || err != nil {
			return err
		}
	}
}

// awaitEcho reads until the answer has come, or it is time to ask again.
func awaitEcho(ctx context.Context, conn *icmp.PacketConn, proto int, reply icmp.Type, id int, nonce uint64) (bool, error) {
	_ = conn.SetReadDeadline(time.Now().Add(again))
	if ctx.Err() != nil { // its end has set a deadline before this one
		return false, nil
	}
	b := make([]byte, 1500)
	for {
		n, _, err := conn.ReadFrom(b)
		if timeout, is := err.(net.Error); is && timeout.Timeout() {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		m, err := icmp.ParseMessage(proto, b[:n])
		if err != nil || m.Type != reply {
			continue
		}
		if e, is := m.Body.(*icmp.Echo); is && e.ID == id && len(e.Data) == 8 && binary.BigEndian.Uint64(e.Data) == nonce {
			return true, nil
		}
	}
}

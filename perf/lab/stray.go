package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// SendStrays sends from the host, for each source of s, one TCP segment of a
// connection that nobody has: a bare ACK. Who takes it for its own resets it, which
// a watch of handshakes sees.
func (h *Host) SendStrays(ctx context.Context, s SYNs) error {
	conn, err := h.rawSocket()
	if err != nil {
		return fmt.Errorf("lab: send strays from %s: %w", h.Name, err)
	}
	buf := gopacket.NewSerializeBuffer()
	for i := 0; i < len(s.From) && err == nil; i++ {
		if err = s.segment(buf, i, h.MAC, func(tcp *layers.TCP) { tcp.ACK, tcp.Ack = true, 1 }); err == nil {
			err = sendFrame(conn, buf.Bytes(), s.MAC)
		}
		if err == nil && i%straysAtOnce == 0 {
			time.Sleep(time.Millisecond)
		}
		err = errors.Join(err, ctx.Err())
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("lab: send strays from %s: %w", h.Name, err)
	}
	return nil
}

// straysAtOnce is how many are sent in a millisecond: no burst that a queue loses.
const straysAtOnce = 10

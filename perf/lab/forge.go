package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mdlayher/packet"

	"thresher/config"
)

// ForgeHeartbeats broadcasts frames from the host that look like heartbeats of always
// new nodes, but have no key, at a rate a second until ctx is done, and returns how
// many it sent. Every other one asks to be read at once.
func (h *Host) ForgeHeartbeats(ctx context.Context, rate int) (int, error) {
	conn, err := h.rawSocket()
	if err != nil {
		return 0, fmt.Errorf("lab: forge heartbeats on %s: %w", h.Name, err)
	}
	sent, err := forge(ctx, conn, h.MAC, rate)
	if err = errors.Join(err, conn.Close()); err != nil {
		return sent, fmt.Errorf("lab: forge heartbeats on %s: %w", h.Name, err)
	}
	return sent, nil
}

// forge keeps the rate on average, as SYNs.send does.
func forge(ctx context.Context, conn *packet.Conn, from config.MAC, rate int) (sent int, err error) {
	everybody := config.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	frame := append(append(everybody[:], from[:]...), heartbeatType>>8, heartbeatType&0xff)
	const kind, salt, sealed = 14, 16, 180 // the kind; version 1 and 16 bytes of salt; as long as a small farm's
	frame = append(frame, make([]byte, sealed)...)
	frame[kind+1] = 1
	random := rand.NewChaCha8([32]byte{})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); ; {
		for due := int(time.Since(start).Seconds() * float64(rate)); sent < due; sent++ {
			frame[kind] = byte(sent & 1)
			_, _ = random.Read(frame[salt:]) // never fails
			if err := sendFrame(conn, frame, everybody); err != nil {
				return sent, err
			}
		}
		select {
		case <-ctx.Done():
			return sent, nil
		case <-tick.C:
		}
	}
}

package lab

import (
	"errors"
	"fmt"

	"thresher/config"
)

// SendFrames sends whole Ethernet frames from the host's interface as they are, in
// this order.
func (h *Host) SendFrames(frames ...[]byte) error {
	conn, err := h.rawSocket()
	if err != nil {
		return fmt.Errorf("lab: send frames from %s: %w", h.Name, err)
	}
	for _, b := range frames {
		if err = sendFrame(conn, b, config.MAC(b)); err != nil {
			break
		}
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("lab: send frames from %s: %w", h.Name, err)
	}
	return nil
}

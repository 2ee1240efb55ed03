package farm

import (
	"fmt"
	"strings"

	"thresher/config"
	"thresher/health"
)

// xdpNote is what there is to say of the attach mode that was got, by the one that is
// wanted, the interface's MTU, and whether it can hand on; empty if all is as it can be.
func xdpNote(wanted, got config.XDPMode, mtu int, handsOnByQueue bool) string {
	var notes []string
	if wanted == config.XDPAuto && got == config.XDPGeneric {
		notes = append(notes, fmt.Sprintf(
			"the driver takes no native XDP (MTU %d): generic costs more per packet; `thresher check` says what would help", mtu))
	}
	if mtu > health.MaxSocketMTU {
		notes = append(notes, fmt.Sprintf(
			"packets of more than %d bytes that must be asked about are dropped (MTU %d), others pass", health.MaxSocketMTU, mtu))
	}
	if handsOnByQueue {
		notes = append(notes, handOnNote)
	}
	return strings.Join(notes, "; ")
}

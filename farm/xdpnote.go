package farm

import (
	"fmt"
	"strings"

	"thresher/config"
	"thresher/health"
)

// xdpNote is what there is to say of the attach mode that was got, by the one that is
// wanted and the interface's MTU; empty if all is as it can be.
func xdpNote(wanted, got config.XDPMode, facts health.Facts) string {
	var notes []string
	if wanted == config.XDPAuto && got == config.XDPGeneric {
		note := "the driver takes no native XDP: generic costs more per packet"
		if facts.NativeHindered() {
			note += "; `thresher check` says what would help"
		}
		notes = append(notes, note)
	}
	pieces := got == config.XDPNative && facts.InPieces(got)
	if pieces {
		notes = append(notes, fmt.Sprintf("the driver hands over packets of more than %d bytes in pieces (MTU %d)", facts.NativeMTU(), facts.MTU))
	}
	if pieces || facts.MTU > health.MaxSocketMTU {
		notes = append(notes, "parts of datagrams that are too long for a socket are dropped (about 3,500 bytes)")
	}
	return strings.Join(notes, "; ")
}

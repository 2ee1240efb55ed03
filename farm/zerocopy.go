package farm

import (
	"thresher/config"
	"thresher/health"
)

// zeroCopyFor is what the sockets are to ask of the driver. Where frames may come in
// pieces it is none; who must have it has been refused (findings.NetworkBefore).
func zeroCopyFor(d config.Datapath, facts health.Facts) config.ZeroCopy {
	if facts.InPieces(d.XDP) {
		return config.ZeroCopyOff
	}
	return d.ZeroCopy
}

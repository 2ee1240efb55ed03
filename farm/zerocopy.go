package farm

import (
	"fmt"

	"thresher/config"
	"thresher/health"
)

// zeroCopyFor is what the sockets are to ask of the driver. Where frames may come in
// pieces there is none: virtio-net drops such frames then (Linux 6.18,
// virtnet_receive_xsk_merge).
func zeroCopyFor(d config.Datapath, facts health.Facts) (config.ZeroCopy, error) {
	if !facts.InPieces(d.XDP) {
		return d.ZeroCopy, nil
	}
	if d.ZeroCopy == config.ZeroCopyOn {
		return 0, fmt.Errorf("datapath.zero_copy is on, and with an MTU of %d the driver hands over frames in pieces, which excludes it; "+
			"set it to auto, or the MTU to %d", facts.MTU, facts.NativeMTU())
	}
	return config.ZeroCopyOff, nil
}

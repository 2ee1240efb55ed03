package confirmation

import (
	"log/slog"

	"thresher/xsk"
)

// crowding tells of a memory of sticky clients that is full. Forged SYNs alone can bring
// that about.
type crowding struct{ full bool }

// look takes in how many clients are remembered.
func (c *crowding) look(clients int, log *slog.Logger) {
	full := clients >= xsk.MaxClients
	switch {
	case full && !c.full:
		log.Warn("as many clients are remembered as there is room for: others do not stay with this node in a planned change", "clients", clients)
	case c.full && !full:
		log.Info("there is room for clients to be remembered again", "clients", clients)
	}
	c.full = full
}

package console

import (
	"cmp"
	"maps"
	"slices"
)

// datapathLines has the counters, and only those reasons and socket statistics
// that have counted anything.
func datapathLines(d Datapath) []string {
	memory := "copy mode"
	if d.ZeroCopy {
		memory = "zero copy"
	}
	lines := []string{joinFitting("DATAPATH", "offload "+orDash(d.Offload), "XDP "+orDash(d.XDP), memory,
		count(d.Queues, "queue", "queues"))}
	lines = append(lines, table([][]string{
		{"accepted", "rejected", "asked", "opened", "parked", "fenced"},
		{grouped(d.Accepted), grouped(d.Rejected), grouped(d.Asked), grouped(d.Opened), grouped(d.Parked), grouped(d.Fenced)},
	})...)
	if d.XDPNote != "" {
		lines = append(lines, wrapped("XDP: "+d.XDPNote)...)
	}
	if d.HandOnLost > 0 {
		lines = append(lines, "lost on the way to other nodes: "+grouped(d.HandOnLost))
	}
	if reasons := counted(d.Reasons); len(reasons) > 0 {
		lines = append(lines, joinFitting(append([]string{"reasons:"}, reasons...)...))
	}
	if xsk := counted(d.XSK.counters()); len(xsk) > 0 {
		lines = append(lines, joinFitting(append([]string{"AF_XDP:"}, xsk...)...))
	}
	return lines
}

// counters returns the statistics by the names that they have in JSON.
func (x XSK) counters() map[string]uint64 {
	return map[string]uint64{
		"rx_dropped":               x.RxDropped,
		"rx_invalid_descs":         x.RxInvalidDescs,
		"tx_invalid_descs":         x.TxInvalidDescs,
		"rx_ring_full":             x.RxRingFull,
		"rx_fill_ring_empty_descs": x.RxFillRingEmptyDescs,
		"tx_ring_empty_descs":      x.TxRingEmptyDescs,
	}
}

// counted writes the counters that are not 0, the highest first.
func counted(counters map[string]uint64) []string {
	names := slices.SortedFunc(maps.Keys(counters), func(a, b string) int {
		return cmp.Or(cmp.Compare(counters[b], counters[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, name := range names {
		if counters[name] > 0 {
			words = append(words, name+" "+grouped(counters[name]))
		}
	}
	return words
}

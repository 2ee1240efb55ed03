package console

import (
	"encoding/json"
	"slices"
)

// MarshalJSON renders the status with every list and object present: a script
// that walks .checks must not trip over null because a farm has none.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status
	s.Nodes = slices.Clone(s.Nodes)
	for i := range s.Nodes {
		if s.Nodes[i].Shares == nil {
			s.Nodes[i].Shares = map[string]float64{}
		}
	}
	if s.Datapath.Reasons == nil {
		s.Datapath.Reasons = map[string]uint64{}
	}
	s.Nodes = present(s.Nodes)
	s.Rules = present(s.Rules)
	s.VIPs = present(s.VIPs)
	s.Checks = present(s.Checks)
	s.Services = present(s.Services)
	return json.Marshal(plain(s))
}

// present returns list, or an empty list in place of none.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

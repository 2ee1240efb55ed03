package console

import "net/http"

// maxCells is how many buckets can be asked for at a time.
const maxCells = 65536

// defaultCells is how many are told of if that is not said.
const defaultCells = 1024

// Buckets is whose the buckets of a rule are.
type Buckets struct {
	Rule string `json:"rule"`
	// View is the membership that divides them.
	View ViewID `json:"view"`
	// Nodes are the nodes that have some.
	Nodes []string `json:"nodes"`
	// Step is how many buckets further the next of Owners is.
	Step int `json:"step"`
	// Owners is the number in Nodes of the node that has the bucket, -1 for none.
	Owners []int `json:"owners"`
	// Unsettled are the buckets of Owners, by their number there, that another node
	// may still have flows in.
	Unsettled []int `json:"unsettled"`
}

// buckets answers GET /v1/buckets.
func (s *Server) buckets(w http.ResponseWriter, r *http.Request) error {
	q, err := parameters(r, "rule", "cells")
	if err != nil {
		return err
	}
	cells, err := q.within("cells", defaultCells, 1, maxCells)
	if err != nil {
		return err
	}
	if cells&(cells-1) != 0 {
		return badRequest("use a power of two from 1 to 65536", "%d cells do not divide the buckets evenly", cells)
	}
	b, err := s.farm.Buckets(q.Get("rule"), cells)
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, b)
	return nil
}

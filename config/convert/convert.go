package convert

import (
	"net/netip"

	"thresher/config"
)

// Input is a file to convert.
type Input struct {
	// Name stands in messages.
	Name string
	// Data is what is in the file, at most MaxInput bytes of it.
	Data []byte
}

// MaxInput bounds what is read as a configuration of another product.
const MaxInput = 4 << 20

// Options are what the file to convert may not say.
type Options struct {
	// Node is the name of the node that the configuration is for. It may be empty
	// where all nodes have the same one.
	Node string
	// Interface is the network interface of the VIPs. The file's own, if it has one,
	// counts where this is empty.
	Interface string
	// Bind is the node's own address, likewise.
	Bind netip.Addr
	// Join are the other nodes' addresses, likewise.
	Join []netip.Addr
	// KeyFile is where the key will be.
	KeyFile string
}

// Result is what a file was made into.
type Result struct {
	// YAML is the configuration.
	YAML []byte
	// Notes are what has no counterpart, in the order of the file.
	Notes []Note
}

// Note says what was left out or changed, and why.
type Note struct {
	// Line is the line in the file, from 1; 0 if it is the whole file's.
	Line int
	// What is what the file says.
	What string
	// Why is what became of it, and why.
	Why string
}

// refuse is an error at a line of the file.
func (in Input) refuse(line int, problem, cure string) *config.Error {
	return &config.Error{File: in.Name, Line: line, Problem: problem, Cure: cure}
}

// checkSize refuses what is no file of the kind.
func (in Input) checkSize(what string) error {
	if len(in.Data) > MaxInput {
		return in.refuse(0, "is too large", "give "+what)
	}
	return nil
}

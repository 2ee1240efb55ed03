// Package call is what the tests ask a virtual machine's first process for, by
// net/rpc over a virtio port of that name.
package call

// Port is the name of the virtio port that both sides open.
const Port = "thresher"

// Service is the name of the guest's methods: Run, Start, Signal, Write and Read.
const Service = "Guest"

// Command is a program to run.
type Command struct {
	// Args are the program's path and its arguments.
	Args []string
	// Env is added to the guest's own environment.
	Env []string
	// Dir is the working directory.
	Dir string
}

// Result is what came of a command that has ended.
type Result struct {
	Stdout, Stderr []byte
	// Exit is the exit code; -1 if a signal ended it.
	Exit int
}

// Signal is a signal to a process.
type Signal struct{ Pid, Number int }

// File is a file to write.
type File struct {
	Path string
	Mode uint32
	Data []byte
}

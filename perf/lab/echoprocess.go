package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// EchoVariable makes a program that calls BeEchoProcess an echo server on the address
// that it holds.
const EchoVariable = "THRESHER_TEST_ECHO"

// echoListens is what an echo server says once it listens, echoTimeout how long it
// may take: it is the start of a whole program on a busy machine.
const (
	echoListens = "listening"
	echoTimeout = 30 * time.Second
)

// BeEchoProcess serves if this process was started by StartEchoProcess, and then
// does not return. A program that calls StartEchoProcess calls it before anything
// else, in main or TestMain: the server is the same program, started again.
func BeEchoProcess() {
	address, ok := os.LookupEnv(EchoVariable)
	if !ok {
		return
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(echoListens)
	newTCPEcho(listener).accept()
	os.Exit(1)
}

// StartEchoProcess is StartTCPEcho in a process of its own: it can be killed and
// paused as a real server is, and has its own limit of open files, which thousands
// of connections need. It returns when the server listens. See BeEchoProcess.
func (h *Host) StartEchoProcess(address string) (*Process, error) {
	environment := append(cleanEnvironment(), EchoVariable+"="+address)
	p, err := h.StartWith(ProcessOptions{Env: environment}, "/proc/self/exe")
	if err != nil {
		return nil, err
	}
	deadline := time.After(echoTimeout)
	for !strings.HasPrefix(p.Tail(len(echoListens)+1), echoListens) {
		select {
		case <-p.Done():
			return nil, fmt.Errorf("lab: %s: the echo server ended: %s", h.Name, p.Tail(1024))
		case <-deadline:
			return nil, errors.Join(fmt.Errorf("lab: %s: the echo server does not listen after %v", h.Name, echoTimeout), p.Kill())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return p, nil
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"thresher/perf/vm/call"
)

// answer does what the tests ask for, until they close the port.
func answer() error {
	port, err := openPort()
	if err != nil {
		return err
	}
	defer port.Close()
	server := rpc.NewServer()
	if err := server.RegisterName(call.Service, &guest{}); err != nil {
		return err
	}
	server.ServeConn(port)
	return nil
}

// openPort opens the virtio port of the tests' name.
func openPort() (io.ReadWriteCloser, error) {
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return nil, err
	}
	for _, path := range names {
		name, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(name)) == call.Port {
			return os.OpenFile(filepath.Join("/dev", filepath.Base(filepath.Dir(path))), os.O_RDWR, 0)
		}
	}
	return nil, fmt.Errorf("there is no virtio port %s", call.Port)
}

// guest has the methods that the tests call, several at once.
type guest struct{}

// Run runs a command to its end. What it writes goes to the console, too, so that
// a machine that hangs has said where.
func (guest) Run(c call.Command, r *call.Result) error {
	var stdout, stderr bytes.Buffer
	cmd := command(c)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, os.Stdout), io.MultiWriter(&stderr, os.Stderr)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	*r = call.Result{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Exit: cmd.ProcessState.ExitCode()}
	return nil
}

// Start starts a command and returns its process's number. What it writes goes to
// the console.
func (guest) Start(c call.Command, pid *int) error {
	cmd := command(c)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	*pid = cmd.Process.Pid
	go func() { fmt.Println("guest:", c.Args[0], "ended:", cmd.Wait()) }()
	return nil
}

func command(c call.Command) *exec.Cmd {
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Dir = append(os.Environ(), c.Env...), c.Dir
	return cmd
}

// Signal sends a signal to a process.
func (guest) Signal(s call.Signal, _ *struct{}) error {
	return syscall.Kill(s.Pid, syscall.Signal(s.Number))
}

// Write writes a file, and makes its directories.
func (guest) Write(f call.File, _ *struct{}) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(f.Path, f.Data, os.FileMode(f.Mode))
}

// Read returns a file's contents.
func (guest) Read(path string, data *[]byte) (err error) {
	*data, err = os.ReadFile(path)
	return err
}

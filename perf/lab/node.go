package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Node is a machine of the farm.
type Node struct {
	*Host
	number int
	lab    *Lab
}

// Socket is the path of the unix socket on which the daemon can be asked.
func (n *Node) Socket() string { return filepath.Join(n.Dir, "api.sock") }

// ConfigFile is the path that StartDaemon writes the configuration to.
func (n *Node) ConfigFile() string { return filepath.Join(n.Dir, "thresher.yaml") }

// StartDaemon writes the configuration and runs the daemon with it:
// binary run --config ConfigFile. It does not wait until the daemon is ready.
func (n *Node) StartDaemon(binary, yaml string) (*Process, error) {
	if err := os.WriteFile(n.ConfigFile(), []byte(yaml), 0o600); err != nil {
		return nil, fmt.Errorf("lab: write the configuration of %s: %w", n.Name, err)
	}
	return n.StartWith(ProcessOptions{Env: cleanEnvironment()}, binary, "run", "--config", n.ConfigFile())
}

// CLI runs a command of the program against the node's daemon and returns its
// standard output: binary --api unix://SOCKET args.
func (n *Node) CLI(ctx context.Context, binary string, args ...string) ([]byte, error) {
	cmd := n.command(binary, append([]string{"--api", "unix://" + n.Socket()}, args...)...)
	cmd.Env = cleanEnvironment()
	return n.run(ctx, cmd)
}

// cleanEnvironment is this process's environment without the variables that
// would override every node's configuration.
func cleanEnvironment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "THRESHER_") {
			env = append(env, v)
		}
	}
	return env
}

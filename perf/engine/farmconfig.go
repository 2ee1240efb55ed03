package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"thresher/config"
	"thresher/perf/lab"
)

// Ports of the services that are measured through a VIP.
const (
	// WebPort is nginx's, TCP.
	WebPort = 80
	// BulkPort is that of long transfers, TCP.
	BulkPort = 5001
	// EchoPort is that of the UDP echo service (RFC 862).
	EchoPort = 7
)

// farmConfig writes the nodes' configurations.
type farmConfig struct {
	bed     *Testbed
	setup   Setup
	offload string
	mode    config.VIPMode
	keyFile string
}

// write returns the configuration of the node with that index: the lab's, with
// the setup's VIPs, rules and weights.
func (f farmConfig) write(node int) (string, error) {
	text, err := f.bed.Lab.Nodes[node].NodeConfig(lab.FarmOptions{
		TCPPorts: []int{WebPort, BulkPort}, UDPPorts: []int{EchoPort, DiscardPort},
		KeyFile: f.keyFile, Profile: f.setup.Profile, Offload: f.offload,
	})
	if err != nil {
		return "", err
	}
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
		return "", fmt.Errorf("read the lab's configuration: %w", err)
	}
	var vips []map[string]any
	for _, vip := range f.bed.VIPs() {
		vips = append(vips, map[string]any{"address": vip.String(), "mode": f.mode.String()})
	}
	tree["vips"] = vips
	if f.setup.Rules > 0 {
		tree["rules"] = numberedRules(f.setup.Rules)
	}
	weight := f.weight(node)
	for _, rule := range tree["rules"].([]any) {
		rule.(map[string]any)["weight"] = weight
	}
	out, err := yaml.Marshal(tree)
	return string(out), err
}

// numberedRules are n rules that share rulePorts.
func numberedRules(n int) []any {
	var rules []any
	for i := range n {
		p := rulePorts(i, 1)
		rules = append(rules, map[string]any{
			"name": fmt.Sprintf("rule%d", i), "protocol": "udp", "ports": []string{fmt.Sprintf("%d-%d", p.First, p.Last)},
		})
	}
	return rules
}

// weight is the node's, so that the first node has the setup's share. Weights
// are 0 to 100.
func (f farmConfig) weight(node int) int {
	mine, others := f.setup.Share.Mine, f.setup.Share.Of-f.setup.Share.Mine
	if others == 0 || mine == 0 && node > 0 {
		return 100
	}
	times := 100 / max(mine, others)
	if node == 0 {
		return times * mine
	}
	return times * others
}

// validate says, before a daemon is started, that it would refuse its
// configuration: an offload that this version does not have.
func validate(node *lab.Node, text string) error {
	file := filepath.Join(node.Dir, "check.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the configuration of %s: %w", node.Name, err)
	}
	if _, err := config.Load(file, config.Options{}); err != nil {
		return &Unavailable{refusal(err)}
	}
	return nil
}

// refusal is the first problem of a configuration, without the file, which the
// reader has never seen.
func refusal(err error) string {
	var problem *config.Error
	if !errors.As(err, &problem) {
		return err.Error()
	}
	return fmt.Sprintf("%s: %s", problem.Key, problem.Problem)
}

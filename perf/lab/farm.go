package lab

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"text/template"

	"thresher/config"
)

// gossipPort is memberlist's usual port.
const gossipPort = 7946

// FarmOptions are what NodeConfig writes into a node's configuration. The zero
// value is a farm for TCP port 80 without encryption.
type FarmOptions struct {
	// VIPs are the shared addresses. Default VIP().
	VIPs []netip.Addr
	// Mode of the VIP. Default flood.
	Mode string
	// TCPPorts are the ports of the rule web. Default 80.
	TCPPorts []int
	// UDPPorts are the ports of the rule udp. Default: there is no such rule.
	UDPPorts []int
	// Affinity of both rules; empty leaves it to the daemon.
	Affinity string
	// Sticky is how long clients of the rule web stay with their node; empty leaves
	// it out.
	Sticky string
	// Forward is of both rules.
	Forward bool
	// KeyFile is the farm's key file; empty writes insecure: true.
	KeyFile string
	// Profile of the failure detection; empty leaves it to the daemon.
	Profile string
	// Partition is what the sides of a split do, serve or majority; empty leaves it
	// to the daemon.
	Partition string
	// JoinFirst has each node name itself and the first one alone as peers, instead of
	// all.
	JoinFirst bool
	// Offload and XDP of the datapath; empty leaves them to the daemon.
	Offload, XDP string
	// StopDrain is how long connections get to end before services are stopped; empty
	// leaves it to the daemon.
	StopDrain string
	// Queues to bind; 0 leaves it to the daemon.
	Queues int
	// Unpinned ties the kernel program to the daemon, so that a killed daemon is
	// the loss of the node's packet path, too.
	Unpinned bool
	// Users is the file of who may log in to the console; empty opens none. The
	// console is at ConsoleURL.
	Users string
}

// ConsoleURL is where the node's console is, if it has one.
func (n *Node) ConsoleURL() string { return fmt.Sprintf("https://%s:9453", n.Address) }

// farmConfig is the configuration's template: only keys of DESIGN §8, and none
// that the options leave to the daemon.
const farmConfig = `node: {name: {{.Node.Name}}{{.StopDrain}}}
interface: {{.Interface}}
vips:
{{- range .Options.VIPs}}
  - {address: {{printf "%q" .String}}, mode: {{$.Mode}}}
{{- end}}
rules:
{{- with .Options.TCPPorts}}
  - {name: web, protocol: tcp, ports: [{{list .}}]{{$.Affinity}}{{$.Forward}}{{$.Sticky}}}
{{- end}}
{{- with .Options.UDPPorts}}
  - {name: udp, protocol: udp, ports: [{{list .}}]{{$.Affinity}}{{$.Forward}}}
{{- end}}
default: deny
cluster:
  bind: {{.Bind}}
  join: [{{.Join}}]
{{- if .Options.KeyFile}}
  key_file: {{printf "%q" .Options.KeyFile}}
{{- else}}
  insecure: true
{{- end}}
{{- with .Options.Profile}}
  profile: {{.}}
{{- end}}
{{- with .Options.Partition}}
  partition: {{.}}
{{- end}}
{{- with .Datapath}}
datapath: {{"{"}}{{.}}}
{{- end}}
api:
  listen: [{{printf "%q" .API}}{{if .Options.Users}}, {{printf "%q" .Node.ConsoleURL}}{{end}}]
{{- with .Options.Users}}
  users: {{printf "%q" .}}
{{- end}}
run_dir: {{printf "%q" .RunDir}}
state_dir: {{printf "%q" .StateDir}}
`

// NodeConfig writes the daemon's YAML configuration for a node of this farm:
// the lab's VIP, all nodes as peers, and all files in the node's directory.
func (n *Node) NodeConfig(o FarmOptions) (string, error) {
	if len(o.TCPPorts) == 0 {
		o.TCPPorts = []int{80}
	}
	if len(o.VIPs) == 0 {
		o.VIPs = []netip.Addr{VIP()}
	}
	var peers []string
	for i, peer := range n.lab.Nodes {
		if i == 0 || peer == n || !o.JoinFirst {
			peers = append(peers, strings.Join(peer.binds(), " "))
		}
	}
	bind := n.binds()[0]
	if n.Back.IsValid() {
		bind = "[" + strings.Join(n.binds(), ", ") + "]"
	}
	values := map[string]any{
		"Node": n, "Interface": Interface, "Options": o, "Bind": bind,
		"Mode":      cmp.Or(o.Mode, config.Flood.String()),
		"Join":      strings.Join(peers, ", "),
		"Affinity":  pair(", affinity: ", o.Affinity),
		"Sticky":    pair(", sticky: ", o.Sticky),
		"StopDrain": pair(", stop_drain: ", o.StopDrain),
		"Forward":   map[bool]string{true: ", forward: true"}[o.Forward],
		"Datapath":  o.datapath(),
		"API":       "unix://" + n.Socket(),
		"RunDir":    n.Dir, "StateDir": n.Dir,
	}
	t, err := template.New("config").Funcs(template.FuncMap{"list": list}).Parse(farmConfig)
	if err != nil {
		return "", fmt.Errorf("lab: read the configuration's template: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, values); err != nil {
		return "", fmt.Errorf("lab: write the configuration of %s: %w", n.Name, err)
	}
	return b.String(), nil
}

// datapath writes the keys of datapath that are set.
func (o FarmOptions) datapath() string {
	var keys []string
	if o.Offload != "" {
		keys = append(keys, "offload: "+o.Offload)
	}
	if o.XDP != "" {
		keys = append(keys, "xdp: "+o.XDP)
	}
	if o.Queues != 0 {
		keys = append(keys, fmt.Sprintf("queues: %d", o.Queues))
	}
	if o.Unpinned {
		keys = append(keys, "pin: false")
	}
	return strings.Join(keys, ", ")
}

// pair writes a key with its value, or nothing without a value.
func pair(key, value string) string {
	if value == "" {
		return ""
	}
	return key + value
}

func list(ports []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(ports)), ", "), "[]")
}

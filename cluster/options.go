package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"

	"thresher/config"
)

// defaultJoinTimeout is what Config.JoinTimeout is when it is 0.
const defaultJoinTimeout = 3 * time.Second

// Config says how a node takes part in gossip.
type Config struct {
	// Name is this node's name, unique in the farm.
	Name string
	// Bind is the address and port to gossip on, TCP and UDP, and the one that
	// the others are told. It must be one address of this machine, not 0.0.0.0.
	// Port 0 has the kernel choose one.
	Bind netip.AddrPort
	// Further are the same on other networks, one each, at most
	// config.MaxNetworks with Bind: all that is sent goes by all of them. The nodes
	// have them in the same order.
	Further []netip.AddrPort
	// Join are the configured peers, by their addresses on any network. This node's
	// own may be among them and are skipped.
	Join []netip.AddrPort
	// Key is the farm's gossip key, 32 random bytes (config.Keys.Gossip), which
	// is used as it is for AES-256-GCM. nil is gossip in clear: then anyone on
	// the segment can throw nodes out of the farm.
	Key []byte
	// Also are keys that are believed besides, of 32 bytes each, while the farm
	// changes its key.
	Also [][]byte
	// Label keeps farms apart that share a segment, at most 255 bytes. Nodes with
	// different labels refuse each other. It may be empty.
	Label string
	// Profile names the failure-detection timings, the same on all nodes.
	Profile config.Profile
	// Eviction is how long a node may be silent; gossip is as much slower than the
	// profile's as this is longer. 0 is the profile's own.
	Eviction time.Duration
	// JoinTimeout is how long Join tries before it gives up; 0 means 3 s.
	JoinTimeout time.Duration
	// Meta is what this node tells of itself at first.
	Meta Meta
	// Logger takes memberlist's lines and this package's own; nil means
	// slog.Default.
	Logger *slog.Logger
}

// check returns what is wrong with the configuration, all of it.
func (c Config) check() error {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if c.Name == "" {
		bad("node has no name")
	}
	for _, bind := range append([]netip.AddrPort{c.Bind}, c.Further...) {
		if !bind.IsValid() || bind.Addr().IsUnspecified() || bind.Addr().Zone() != "" {
			bad("cannot gossip on %s: name one address of this machine, without a zone", bind)
		}
	}
	if len(c.Further) >= config.MaxNetworks {
		bad("%d networks, want at most %d", 1+len(c.Further), config.MaxNetworks)
	}
	if c.Key != nil && len(c.Key) != 32 {
		bad("gossip key has %d bytes, want 32", len(c.Key))
	}
	for _, key := range c.Also {
		if c.Key == nil || len(key) != 32 {
			bad("another gossip key has %d bytes, want 32, and a first key", len(key))
		}
	}
	if len(c.Label) > memberlist.LabelMaxSize {
		bad("label has %d bytes, want at most %d", len(c.Label), memberlist.LabelMaxSize)
	}
	if c.JoinTimeout < 0 {
		bad("join timeout %v is negative", c.JoinTimeout)
	}
	return errors.Join(wrong...)
}

// memberlistConfig translates the configuration for memberlist.
func (c Config) memberlistConfig(d *delegate, log *logAdapter) (*memberlist.Config, error) {
	m, err := profileConfig(c.Profile, c.Eviction)
	if err != nil {
		return nil, err
	}
	m.Name, m.Label = c.Name, c.Label
	m.BindAddr, m.BindPort = c.Bind.Addr().Unmap().String(), int(c.Bind.Port())
	// Told explicitly, or memberlist would guess for addresses that it takes for
	// unspecified.
	m.AdvertiseAddr, m.AdvertisePort = m.BindAddr, m.BindPort
	if c.Key != nil {
		if m.Keyring, err = memberlist.NewKeyring(c.Also, c.Key); err != nil {
			return nil, err
		}
	}
	m.GossipVerifyIncoming, m.GossipVerifyOutgoing = true, true
	m.Delegate, m.Events, m.Conflict, m.Merge, m.Ping = d, d, d, d, d
	m.Logger = log.logger()
	return m, nil
}

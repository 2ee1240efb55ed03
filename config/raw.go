package config

import (
	"reflect"
	"strings"
)

// rawConfig is the file's schema: its keys are the mapstructure tags. The check
// for unknown keys, the overrides' names and the decoder all read it here.
//
// Fields are wide on purpose. Decoding 70000 into a uint16 gives 4464 and 5
// into a time.Duration gives 5 ns, both without an error, so numbers are int64,
// durations are text, and validate converts and bounds them.
type rawConfig struct {
	Node      rawNode      `mapstructure:"node"`
	Interface string       `mapstructure:"interface"`
	VIPs      []rawVIP     `mapstructure:"vips"`
	Rules     []rawRule    `mapstructure:"rules"`
	Default   string       `mapstructure:"default"`
	Cluster   rawCluster   `mapstructure:"cluster"`
	Datapath  rawDatapath  `mapstructure:"datapath"`
	Services  []rawService `mapstructure:"services"`
	Checks    []rawCheck   `mapstructure:"checks"`
	Notify    []rawNotify  `mapstructure:"notify"`
	Health    string       `mapstructure:"health_listen"`
	API       rawAPI       `mapstructure:"api"`
	RunDir    string       `mapstructure:"run_dir"`
	StateDir  string       `mapstructure:"state_dir"`
}

type rawNode struct {
	Name        string    `mapstructure:"name"`
	Boot        *string   `mapstructure:"boot"`
	BootDelay   *duration `mapstructure:"boot_delay"`
	Rejoin      *string   `mapstructure:"rejoin"`
	SlowStart   *duration `mapstructure:"slow_start"`
	StopDrain   *duration `mapstructure:"stop_drain"`
	ResetOnStop *bool     `mapstructure:"reset_on_stop"`
	VIPChecks   *bool     `mapstructure:"vip_checks"`
}

type rawVIP struct {
	Address string  `mapstructure:"address"`
	Mode    *string `mapstructure:"mode"` // a pointer tells absent from empty
	MAC     *string `mapstructure:"mac"`
}

type rawRule struct {
	Name     string  `mapstructure:"name"`
	Protocol string  `mapstructure:"protocol"`
	Ports    any     `mapstructure:"ports"` // a number or "first-last", or a list of them
	VIP      any     `mapstructure:"vip"`   // an address or a list of them, or "all"
	Affinity *string `mapstructure:"affinity"`
	Weight   *int64  `mapstructure:"weight"`
	Forward  bool    `mapstructure:"forward"`

	Sticky *duration `mapstructure:"sticky"`

	Mode     *string    `mapstructure:"mode"`
	Priority *int64     `mapstructure:"priority"`
	Nodes    *[]string  `mapstructure:"nodes"`
	Prefix   *rawPrefix `mapstructure:"prefix"`
}

type rawPrefix struct {
	V4 *int64 `mapstructure:"v4"`
	V6 *int64 `mapstructure:"v6"`
}

type rawCluster struct {
	Bind        any      `mapstructure:"bind"` // an address or a list of them
	Join        []string `mapstructure:"join"`
	KeyFile     string   `mapstructure:"key_file"`
	Insecure    bool     `mapstructure:"insecure"`
	Profile     string   `mapstructure:"profile"`
	Partition   string   `mapstructure:"partition"`
	JoinTimeout duration `mapstructure:"join_timeout"`

	Heartbeat *duration `mapstructure:"heartbeat"`
	Eviction  *duration `mapstructure:"eviction"`
	Lease     *duration `mapstructure:"lease"`
}

type rawDatapath struct {
	Offload  string `mapstructure:"offload"`
	XDP      string `mapstructure:"xdp"`
	ZeroCopy string `mapstructure:"zero_copy"`
	Queues   any    `mapstructure:"queues"` // "auto" or a number
	Pin      bool   `mapstructure:"pin"`
}

type rawAPI struct {
	Listen   any      `mapstructure:"listen"` // an address or a list of them
	TLS      rawTLS   `mapstructure:"tls"`
	Users    string   `mapstructure:"users"`
	Hosts    []string `mapstructure:"hosts"`
	PeerPort int64    `mapstructure:"peer_port"`
	OIDC     rawOIDC  `mapstructure:"oidc"`
}

type rawOIDC struct {
	Issuer     string       `mapstructure:"issuer"`
	ClientID   string       `mapstructure:"client_id"`
	SecretFile string       `mapstructure:"client_secret_file"`
	Redirect   string       `mapstructure:"redirect"`
	Scopes     []string     `mapstructure:"scopes"`
	Roles      rawOIDCRoles `mapstructure:"roles"`
}

type rawOIDCRoles struct {
	Claim   string   `mapstructure:"claim"`
	Admin   []string `mapstructure:"admin"`
	Control []string `mapstructure:"control"`
	Monitor []string `mapstructure:"monitor"`
}

type rawTLS struct {
	Cert string `mapstructure:"cert"`
	Key  string `mapstructure:"key"`
}

// duration is the text of a duration, such as "3s".
type duration string

var durationType = reflect.TypeFor[duration]()

// field is one key of a mapping and the type of its value.
type field struct {
	key  string
	kind reflect.Type
}

// fields returns the keys of a raw struct in the order of the schema.
func fields(t reflect.Type) []field {
	list := make([]field, t.NumField())
	for i := range list {
		f := t.Field(i)
		kind := f.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		key, _, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		list[i] = field{key, kind}
	}
	return list
}

// settings returns the keys that environment and flags can set, by full path:
// everything but what is inside a list of objects.
func settings(t reflect.Type, path string) []field {
	var list []field
	for _, f := range fields(t) {
		at := child(path, f.key)
		switch {
		case f.kind.Kind() == reflect.Struct:
			list = append(list, settings(f.kind, at)...)
		case f.kind.Kind() == reflect.Slice && f.kind.Elem().Kind() == reflect.Struct:
		default:
			list = append(list, field{at, f.kind})
		}
	}
	return list
}

func fieldKeys(list []field) []string {
	keys := make([]string, len(list))
	for i, f := range list {
		keys[i] = f.key
	}
	return keys
}

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// setting is a sysctl below net and its value.
type setting struct{ key, value string }

// hostSettings keep IPv6 quiet on nodes and clients: no wait for duplicate
// address detection and no search for routers that do not exist. They are set
// before an interface exists, so that it is born with them.
func hostSettings() []setting {
	return []setting{
		{"ipv6.conf.default.accept_dad", "0"},
		{"ipv6.conf.default.accept_ra", "0"},
		{"ipv6.conf.default.router_solicitations", "0"},
	}
}

// switchSettings make the bridge a plain one: no addresses of its own, and no
// filtering of what it forwards, which would drop odd IP frames (DESIGN §10).
func switchSettings() []setting {
	return []setting{
		{"ipv6.conf.default.disable_ipv6", "1"},
		{"bridge.bridge-nf-call-iptables", "0"},
		{"bridge.bridge-nf-call-ip6tables", "0"},
		{"bridge.bridge-nf-call-arptables", "0"},
	}
}

// set writes sysctls of the host's namespace. Those that the kernel does not
// have are left out: IPv6 or the bridge's netfilter hooks may be built out.
func (h *Host) set(settings []setting) error {
	return h.thread.do(func() error {
		for _, s := range settings {
			path := filepath.Join("/proc/sys/net", strings.ReplaceAll(s.key, ".", "/"))
			err := os.WriteFile(path, []byte(s.value), 0)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("set sysctl net.%s of %s: %w", s.key, h.Name, err)
			}
		}
		return nil
	})
}

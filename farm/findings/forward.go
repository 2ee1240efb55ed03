package findings

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"thresher/config"
	"thresher/health"
	"thresher/xsk"
)

// LooseSysctl says whether conntrack makes an entry of a TCP flow whose begin it
// has not seen: 1 in the kernel's default. On a node with rules that forward that
// would make another node's flow its own (linux,
// Documentation/networking/nf_conntrack-sysctl.rst; xt_cluster's manual asks for
// 0 too).
const LooseSysctl = "net/netfilter/nf_conntrack_tcp_loose"

// Forward judges whether this machine can run the configuration's rules
// that forward; there are none where no rule does.
func Forward(cfg *config.Config) []health.Finding {
	if len(cfg.Forwarded()) == 0 {
		return nil
	}
	loose, err := os.ReadFile("/proc/sys/" + LooseSysctl)
	return forward(xsk.CheckForward(), strings.TrimSpace(string(loose)), err)
}

// forward are those of a machine: whether its kernel has the look-up, and
// what it says of the sysctl.
func forward(lookup error, loose string, err error) []health.Finding {
	const without = "or take `forward: true` out of the rules"
	list := []health.Finding{{Level: health.LevelOK, What: "rules that forward: the kernel tells of conntrack's entries"}}
	switch {
	case errors.Is(lookup, xsk.ErrNoConntrack):
		list[0] = health.Finding{Level: health.LevelError, What: "rules that forward: " + lookup.Error(),
			Cure: "modprobe nf_conntrack, use a kernel with CONFIG_NF_CONNTRACK and CONFIG_DEBUG_INFO_BTF_MODULES, " + without}
	case lookup != nil:
		list[0] = health.Finding{Level: health.LevelError, What: "rules that forward: " + lookup.Error(), Cure: "run as root, " + without}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		list = append(list, health.Finding{Level: health.LevelError, What: "rules that forward: conntrack is not there (no /proc/sys/" + LooseSysctl + ")",
			Cure: "modprobe nf_conntrack, " + without})
	case err != nil:
		list = append(list, health.Finding{Level: health.LevelError, What: "rules that forward: " + err.Error(), Cure: "run as root, " + without})
	case loose == "0":
		list = append(list, health.Finding{Level: health.LevelOK, What: "net.netfilter.nf_conntrack_tcp_loose is 0"})
	default:
		list = append(list, health.Finding{Level: health.LevelOK,
			What: "net.netfilter.nf_conntrack_tcp_loose is " + loose + "; the daemon sets it to 0 while it runs"})
	}
	return list
}

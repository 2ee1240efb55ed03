package health

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
)

func TestInspect(t *testing.T) {
	ns := machine(t)
	ns.Do(t, func() error {
		bare, err := Inspect("eth0")
		if err != nil {
			return err
		}
		if bare.IPv4 || !bare.Up || bare.Driver != "veth" || bare.Queues != 3 || bare.MTU != 1500 ||
			bare.MAC == (config.MAC{}) || bare.Index == 0 || bare.Interface != "eth0" || !bare.SysctlsWritable || bare.LRO {
			t.Errorf("facts = %+v", bare)
		}
		if bare.PageSize != os.Getpagesize() || bare.SYNCookies == "" || !bare.Kernel.AtLeast(3, 0) {
			t.Errorf("facts = %+v", bare)
		}
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := errors.Join(netlink.LinkSetMTU(l, 9000), netlink.LinkSetDown(l)); err != nil {
			return err
		}
		changed, err := Inspect("eth0")
		if err == nil && (changed.MTU != 9000 || changed.Up) {
			t.Errorf("after a change: %+v", changed)
		}
		return err
	})
	ns.Addr(t, "eth0", "192.0.2.11/24")
	ns.Do(t, func() error {
		f, err := Inspect("eth0")
		if err == nil && !f.IPv4 {
			t.Error("the IPv4 address was not seen")
		}
		if lo, err := Inspect("lo"); err != nil || lo.MAC != (config.MAC{}) {
			t.Errorf("lo: %+v, %v; want no Ethernet address", lo, err)
		}
		return err
	})
}

func TestInspectNamesTheNearestInterfaces(t *testing.T) {
	ns := machine(t)
	ns.Veth(t, "wan", ns, "eth1", 1)
	ns.Veth(t, "thr0", ns, "thr1", 1)
	ns.Do(t, func() error {
		_, err := Inspect("eth2")
		if !errors.Is(err, ErrNoInterface) || !strings.Contains(err.Error(), "nearest are eth0, eth1, wan") {
			t.Errorf("error = %v, want ErrNoInterface and the nearest", err)
		}
		return nil
	})
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"eth0", "eth0"}: 0, {"eth0", ""}: 4, {"", "lo"}: 2, {"eth0", "eth1"}: 1,
		{"eth0", "th0"}: 1, {"ens3", "enp3s0"}: 3, {"kitten", "sitting"}: 3,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%v: %d, want %d", pair, got, want)
		}
	}
	if got := suggest("eth0", nil); got != "this machine has none but lo" {
		t.Error(got)
	}
}

func TestParseKernel(t *testing.T) {
	for release, want := range map[string]Kernel{
		"6.18.2-cloud-amd64": {"6.18.2-cloud-amd64", 6, 18},
		"6.1-rc3":            {"6.1-rc3", 6, 1},
		"7.0":                {"7.0", 7, 0},
	} {
		got, err := parseKernel(release)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, %s", release, err, diff)
		}
	}
	for _, release := range []string{"", "six", "6", "6.x"} {
		if k, err := parseKernel(release); err == nil {
			t.Errorf("%q is %+v", release, k)
		}
	}
}

func TestMissingRights(t *testing.T) {
	const both = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	for name, tc := range map[string]struct {
		effective uint64
		want      []string
	}{
		"none":       {0, []string{"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_BPF", "CAP_PERFMON"}},
		"all":        {both | 1<<unix.CAP_BPF | 1<<unix.CAP_PERFMON, nil},
		"sys admin":  {both | 1<<unix.CAP_SYS_ADMIN, nil},
		"no bpf":     {both | 1<<unix.CAP_PERFMON, []string{"CAP_BPF"}},
		"no perfmon": {both | 1<<unix.CAP_BPF, []string{"CAP_PERFMON"}},
		"only admin": {1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_BPF | 1<<unix.CAP_PERFMON, []string{"CAP_NET_RAW"}},
	} {
		if diff := cmp.Diff(tc.want, missingFrom(tc.effective)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := missingRights(); err != nil {
		t.Error(err)
	}
}

package host

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"thresher/internal/leftout"
	"thresher/internal/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.Cleanup(leftout.Exit)) }

var (
	vip4 = netip.MustParsePrefix("192.0.2.100/32")
	vip6 = netip.MustParsePrefix("2001:db8::100/128")
)

// machine is a namespace with two ends of a cable; one name has a dot in it.
func machine(t *testing.T) *netnstest.NS {
	ns := netnstest.New(t)
	ns.Veth(t, "eth0", ns, "eth0.100", 3)
	return ns
}

func journalIn(t *testing.T) (*Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run", "web1", "restore.json")
	return reopen(t, path), path
}

func reopen(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// onDisk is what a process that starts now would find.
func onDisk(t *testing.T, path string) []Entry {
	t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return s.Entries
}

// sysctlOf reads a sysctl of the namespace of the calling thread.
func sysctlOf(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSpace(string(b))
}

// addresses lists those of an interface, with a mark for one that skips
// duplicate address detection.
func addresses(t *testing.T, link string) (list []string) {
	t.Helper()
	l, err := netlink.LinkByName(link)
	if err != nil {
		t.Error(err)
		return nil
	}
	addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		t.Error(err)
	}
	for _, a := range addrs {
		if a.IP.IsLoopback() || a.IP.IsLinkLocalUnicast() {
			continue
		}
		s := a.IPNet.String()
		if a.Flags&2 != 0 { // IFA_F_NODAD
			s += " nodad"
		}
		if a.Flags&unix.IFA_F_DEPRECATED != 0 {
			s += " deprecated"
		}
		list = append(list, s)
	}
	return list
}

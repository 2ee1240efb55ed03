package bundle

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Masks put stand-ins into the place of names and addresses: the same for the same
// one, so that what belongs together still does. A nil one changes nothing.
type Masks struct {
	names     *regexp.Regexp
	stand     map[string]string
	addresses map[netip.Addr]string
	macs      map[string]string
}

// NewMasks masks these names, and all addresses.
func NewMasks(names []string) *Masks {
	m := &Masks{stand: make(map[string]string), addresses: make(map[netip.Addr]string), macs: make(map[string]string)}
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	var quoted []string
	for _, n := range names {
		if _, known := m.stand[n]; !known {
			m.stand[n] = fmt.Sprintf("machine-%d", len(m.stand)+1)
			quoted = append(quoted, regexp.QuoteMeta(n))
		}
	}
	// The longest first: Go takes the first alternative that fits.
	slices.SortFunc(quoted, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	if len(quoted) > 0 {
		m.names = regexp.MustCompile(`\b(` + strings.Join(quoted, "|") + `)\b`)
	}
	return m
}

// token is what may be an address, of whichever kind.
var token = regexp.MustCompile(`[0-9A-Fa-f:.]*[:.][0-9A-Fa-f:.]*`)

// mac is an Ethernet address.
var mac = regexp.MustCompile(`^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$`)

// Apply masks a text.
func (m *Masks) Apply(text string) string {
	if m == nil {
		return text
	}
	if m.names != nil {
		text = m.names.ReplaceAllStringFunc(text, func(n string) string { return m.stand[n] })
	}
	return token.ReplaceAllStringFunc(text, func(one string) string {
		bare := strings.TrimRight(one, ".")
		if !strings.HasSuffix(bare, "::") {
			bare = strings.TrimRight(bare, ":.")
		}
		return m.address(bare) + one[len(bare):]
	})
}

// address is what stands for an address; other texts stay as they are.
func (m *Masks) address(text string) string {
	if mac.MatchString(text) {
		key := strings.ToLower(text)
		if m.macs[key] == "" {
			n := len(m.macs) + 1
			m.macs[key] = fmt.Sprintf("02:00:00:00:%02x:%02x", n>>8&0xff, n&0xff)
		}
		return m.macs[key]
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return m.standFor(a)
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return fmt.Sprintf("%s:%d", m.standFor(ap.Addr()), ap.Port())
	}
	return text
}

// standFor is out of the ranges that RFC 2544 and RFC 3849 set aside. What says
// nothing of a network stays.
func (m *Masks) standFor(a netip.Addr) string {
	if a.IsLoopback() || a.IsUnspecified() {
		return a.String()
	}
	if m.addresses[a] == "" {
		n := len(m.addresses) + 1
		m.addresses[a] = fmt.Sprintf("198.18.%d.%d", n>>8&0xff, n&0xff)
		if a.Is6() {
			m.addresses[a] = fmt.Sprintf("2001:db8::%x", n)
		}
	}
	return m.addresses[a]
}

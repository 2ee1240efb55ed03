package console

import (
	"net/netip"
	"testing"
)

func TestParseClient(t *testing.T) {
	for _, tt := range []struct {
		text, addr string
		port       uint16
	}{
		{"192.0.2.7", "192.0.2.7", 0},
		{"192.0.2.7:40000", "192.0.2.7", 40000},
		{"2001:db8::7", "2001:db8::7", 0},
		{"[2001:db8::7]", "2001:db8::7", 0},
		{"[2001:db8::7]:443", "2001:db8::7", 443},
		{"::ffff:192.0.2.7", "192.0.2.7", 0},
		{"[::ffff:192.0.2.7]:80", "192.0.2.7", 80},
	} {
		addr, port, err := ParseClient(tt.text)
		if err != nil || addr != netip.MustParseAddr(tt.addr) || port != tt.port {
			t.Errorf("ParseClient(%q) = %v, %d, %v", tt.text, addr, port, err)
		}
	}
	for _, bad := range []string{"", "web1", "192.0.2.7:", "192.0.2.7:70000", "192.0.2.7:http", "192.0.2", "[]", "[192.0.2.7", "fe80::1%eth0", "[fe80::1%eth0]:80"} {
		if addr, port, err := ParseClient(bad); err == nil {
			t.Errorf("ParseClient(%q) = %v, %d, want an error", bad, addr, port)
		}
	}
}

func FuzzParseClient(f *testing.F) {
	for _, seed := range []string{"192.0.2.7:40000", "[2001:db8::7]:443", "::ffff:192.0.2.7", "fe80::1%eth0", "[::1", ":", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, port, err := ParseClient(text)
		if err != nil {
			return
		}
		if !addr.IsValid() || addr.Zone() != "" || addr.Is4In6() {
			t.Fatalf("%q gave %v", text, addr)
		}
		again, samePort, err := ParseClient(netip.AddrPortFrom(addr, port).String())
		if err != nil || again != addr || samePort != port {
			t.Fatalf("%q gave %v and %d, which read back as %v and %d, %v", text, addr, port, again, samePort, err)
		}
	})
}

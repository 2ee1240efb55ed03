package sticky

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fullMessage is the longest of its kind.
func fullMessage(kind Kind) *Message {
	m := &Message{Kind: kind, Name: strings.Repeat("n", maxName), Boot: 1 << 60, Seq: 7, EchoBoot: 9, Lease: time.Second}
	if kind == Ask || kind == Answer {
		for i := range MaxClients {
			m.Clients = append(m.Clients, Client{Rule: 1 << 63, Bucket: uint16(i), Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})})
			if kind == Answer {
				m.Mine = append(m.Mine, i%2 == 0)
			}
		}
		m.Clients[1].Addr = netip.MustParseAddr("2001:db8::7")
	}
	return m
}

func TestMessageSurvivesTheWire(t *testing.T) {
	const bestEffort = 1000 // cluster.MaxBestEffort
	for kind := Hold; kind <= Farewell; kind++ {
		m := fullMessage(kind)
		b, err := m.Append(nil)
		if err != nil || len(b) > MaxWire || len(b) > bestEffort {
			t.Fatalf("kind %d: %d bytes, %v", kind, len(b), err)
		}
		got, err := Decode(append(b, "a later release's"...))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("kind %d: %+v, %v", kind, got, err)
		}
		for n := range b {
			if _, err := Decode(b[:n]); err == nil {
				t.Fatalf("kind %d: %d of %d bytes are read", kind, n, len(b))
			}
		}
	}
}

func TestBadMessages(t *testing.T) {
	for name, change := range map[string]func(*Message){
		"no kind":         func(m *Message) { m.Kind = 0 },
		"unknown kind":    func(m *Message) { m.Kind = Farewell + 1 },
		"no name":         func(m *Message) { m.Name = "" },
		"long name":       func(m *Message) { m.Name += "n" },
		"no boot":         func(m *Message) { m.Boot = 0 },
		"no seq":          func(m *Message) { m.Seq = 0 },
		"negative lease":  func(m *Message) { m.Lease = -1 },
		"too many":        func(m *Message) { m.Clients = append(m.Clients, m.Clients[0]); m.Mine = append(m.Mine, true) },
		"missing answer":  func(m *Message) { m.Mine = m.Mine[1:] },
		"clients in hold": func(m *Message) { m.Kind = Hold },
		"no address":      func(m *Message) { m.Clients[0].Addr = netip.Addr{} },
	} {
		m := fullMessage(Answer)
		change(m)
		before := []byte("before")
		if b, err := m.Append(before); err == nil || !bytes.Equal(b, before) {
			t.Errorf("%s: written as %x, %v", name, b, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for kind := Hold; kind <= Farewell; kind++ {
		b, _ := fullMessage(kind).Append(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := m.Append(nil)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", m, err)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("%x is written again as %x", b, again)
		}
	})
}

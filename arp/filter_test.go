package arp

import (
	"testing"

	"golang.org/x/net/bpf"
)

func TestFilterLetsOnlyARPIn(t *testing.T) {
	vm, err := bpf.NewVM(arpOnlyProgram())
	if err != nil {
		t.Fatal(err)
	}
	arp := arpFrame(request(clientMAC, clientIP, vip))
	ipv4 := append([]byte(nil), arp...)
	ipv4[typeOffset], ipv4[typeOffset+1] = 0x08, 0x00
	for name, tc := range map[string]struct {
		frame []byte
		want  int
	}{
		"arp":       {arp, len(arp)},
		"long arp":  {append(arp[:42:42], make([]byte, 200)...), snapLen},
		"ipv4":      {ipv4, 0},
		"truncated": {arp[:13], 0},
		"empty":     {nil, 0},
	} {
		got, err := vm.Run(tc.frame)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got = min(got, len(tc.frame)); got != tc.want {
			t.Errorf("%s: %d bytes let in, want %d", name, got, tc.want)
		}
	}
	if _, err := arpOnly(); err != nil {
		t.Errorf("the program does not assemble: %v", err)
	}
}

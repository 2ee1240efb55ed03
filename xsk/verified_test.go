package xsk

import (
	"testing"

	"thresher/config"
)

// The kernel's verifier goes through a million instructions at most
// (BPF_COMPLEXITY_LIMIT_INSNS, include/linux/bpf.h).
const verifierLimit = 1_000_000

// TestVerifierHasRoom: every form of the program is at most half of what the verifier goes
// through. How far, -v says.
func TestVerifierHasRoom(t *testing.T) {
	w := newWire(t, 1)
	for _, offload := range []config.Offload{config.OffloadNone, config.OffloadReject, config.OffloadFull} {
		for name, change := range map[string]func(*Rules){
			"plain":    func(*Rules) {},
			"directed": func(r *Rules) { r.Relays, r.Directed[0] = 1, 1 },
			"forward":  func(r *Rules) { r.Forwards, r.Forward[0] = 1, 1 },
			"pieces":   func(r *Rules) { r.Pieces, r.SocketFrame = 1, 3840 },
			"siphash":  func(r *Rules) { r.Siphash = 1 },
			"all": func(r *Rules) {
				r.Siphash = 1
				r.Relays, r.Directed[0], r.Forwards, r.Forward[0], r.Sticky[0], r.Formers, r.Pieces = 1, 1, 1, 1, 1, 1, 1
			},
		} {
			rules := rulesFor(w.nicMAC())
			rules.Offload = uint32(offload)
			change(rules)
			if rules.Forwards > 0 && CheckForward() != nil {
				continue // the kernel cannot tell of conntrack's flows
			}
			p, err := LoadProgram(rules)
			must(t, err)
			info, err := p.objects.Thresher.Info()
			must(t, err)
			verified, ok := info.VerifiedInstructions()
			t.Logf("offload %s, %s: %d instructions", offload, name, verified)
			if !ok || verified == 0 || verified > verifierLimit/2 {
				t.Errorf("offload %s, %s: %d instructions, %t", offload, name, verified, ok)
			}
			must(t, p.Close())
		}
	}
}

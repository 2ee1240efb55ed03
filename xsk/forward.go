package xsk

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// ErrNoConntrack says that this kernel offers XDP programs no look-up of
// conntrack's entries, or has not loaded it.
var ErrNoConntrack = errors.New("the kernel offers no look-up of conntrack's entries to XDP programs (bpf_xdp_ct_lookup)")

// lookups are what the program calls for rules that forward (xsk/bpf/conntrack.h).
var lookups = [...]string{"bpf_xdp_ct_lookup", "bpf_skb_ct_lookup", "bpf_ct_release"}

// CheckForward tells whether programs with rules that forward can be loaded: nil,
// ErrNoConntrack, or why it cannot be told. It reads the types of the running
// kernel and of its module nf_conntrack, if that is loaded.
func CheckForward() error {
	for _, load := range []func() (*btf.Spec, error){
		btf.LoadKernelSpec,
		func() (*btf.Spec, error) { return btf.LoadKernelModuleSpec("nf_conntrack") },
	} {
		types, err := load()
		if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the kernel's types: %w", err)
		}
		if offers(types) {
			return nil
		}
	}
	return ErrNoConntrack
}

func offers(types *btf.Spec) bool {
	for _, name := range lookups {
		var f *btf.Func
		if types.TypeByName(name, &f) != nil {
			return false
		}
	}
	return true
}

package xsk

import (
	"errors"
	"maps"
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

// handed is what another process gets: descriptors of its own.
func handed(t *testing.T, p Prepared) Prepared {
	t.Helper()
	own := func(fds map[string]int) map[string]int {
		fds = maps.Clone(fds)
		for name, fd := range fds {
			var err error
			fds[name], err = unix.Dup(fd)
			must(t, err)
		}
		return fds
	}
	p.Programs, p.Maps = own(p.Programs), own(p.Maps)
	return p
}

// TestAdoptedProgram: a program that another process has loaded is as good as one
// that was loaded here, also when the other has closed it.
func TestAdoptedProgram(t *testing.T) {
	newWire(t, 1)
	rules := ownAllRules()
	c, err := PrepareProgram(rules)
	must(t, err)
	prepared := handed(t, Describe(c))
	c.Close()
	p, err := AdoptProgram(rules, prepared)
	must(t, err)
	defer func() { must(t, p.Close()) }()
	must(t, errors.Join(p.Arm(), p.SetShare(wholeShare()), p.SetLease(math.MaxInt64)))
	if got := run(t, p, tcpTo(t, vip.MAC, "198.18.0.100")); got != xdpPass {
		t.Errorf("verdict %d with a lease, want %d", got, xdpPass)
	}
	must(t, p.SetLease(0))
	if got := run(t, p, tcpTo(t, vip.MAC, "198.18.0.100")); got != xdpDrop {
		t.Errorf("verdict %d without a lease, want %d", got, xdpDrop)
	}
}

// TestOtherProgramIsNotAdopted, and nothing of it stays open.
func TestOtherProgramIsNotAdopted(t *testing.T) {
	newWire(t, 1)
	rules := ownAllRules()
	c, err := PrepareProgram(rules)
	must(t, err)
	defer c.Close()
	for name, change := range map[string]func(*Prepared, *Rules){
		"another object":        func(p *Prepared, _ *Rules) { p.Object[0]++ },
		"another configuration": func(_ *Prepared, r *Rules) { r.Multilinear.Start4++ },
		"a program is missing": func(p *Prepared, _ *Rules) {
			must(t, unix.Close(p.Programs["fence"]))
			delete(p.Programs, "fence")
		},
		"a map is missing": func(p *Prepared, _ *Rules) {
			must(t, unix.Close(p.Maps[".rodata"]))
			delete(p.Maps, ".rodata")
		},
	} {
		t.Run(name, func(t *testing.T) {
			wanted := *rules
			prepared := handed(t, Describe(c))
			change(&prepared, &wanted)
			if _, err := AdoptProgram(&wanted, prepared); !errors.Is(err, ErrOtherProgram) {
				t.Errorf("error = %v", err)
			}
			for _, fd := range prepared.Descriptors() {
				if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
					t.Errorf("descriptor %d is still open (%v)", fd, err)
				}
			}
		})
	}
}

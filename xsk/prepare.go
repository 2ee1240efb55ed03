package xsk

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Prepared is a program that another process has loaded, by what this process has
// of it: descriptors by name. The kernel's verifier takes 0.1 s and more for it,
// in which a process that goes on in the place of another one could not speak.
type Prepared struct {
	// Object is the SHA-256 of the object file.
	Object [sha256.Size]byte
	// Programs and Maps are descriptors by the names that the object has.
	Programs, Maps map[string]int
}

// PrepareProgram loads the program as LoadProgram does, for another process to
// adopt. The caller closes what it gets.
func PrepareProgram(rules *Rules) (*ebpf.Collection, error) {
	spec, err := specFor(rules)
	if err != nil {
		return nil, err
	}
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, loadError(err)
	}
	return c, nil
}

// Describe are the descriptors of what PrepareProgram has loaded. They are the
// collection's.
func Describe(c *ebpf.Collection) Prepared {
	p := Prepared{Object: sha256.Sum256(_BpfBytes), Programs: make(map[string]int), Maps: make(map[string]int)}
	for name, program := range c.Programs {
		p.Programs[name] = program.FD()
	}
	for name, m := range c.Maps {
		p.Maps[name] = m.FD()
	}
	return p
}

// Descriptors are all of them.
func (p Prepared) Descriptors() (fds []int) {
	for _, fd := range p.Programs {
		fds = append(fds, fd)
	}
	for _, fd := range p.Maps {
		fds = append(fds, fd)
	}
	return fds
}

// ErrOtherProgram is a prepared program that is not the one that is wanted.
var ErrOtherProgram = errors.New("another program was prepared")

// AdoptProgram is LoadProgram with a program that is loaded already. It takes the
// descriptors over, also if it fails, and fails with ErrOtherProgram if the program
// or its configuration is not the one that LoadProgram would load.
func AdoptProgram(rules *Rules, prepared Prepared) (_ *Program, err error) {
	open := make(map[string]*ebpf.Map)
	programs := make(map[string]*ebpf.Program)
	defer func() {
		for _, m := range open {
			err = errors.Join(err, m.Close())
		}
		for _, p := range programs {
			if err != nil {
				_ = p.Close()
			}
		}
	}()
	var errs []error
	for name, fd := range prepared.Maps {
		unix.CloseOnExec(fd)
		m, err := ebpf.NewMapFromFD(fd)
		if errs = append(errs, err); err == nil {
			open[name] = m
		}
	}
	for name, fd := range prepared.Programs {
		unix.CloseOnExec(fd)
		p, err := ebpf.NewProgramFromFD(fd)
		if errs = append(errs, err); err == nil {
			programs[name] = p
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("adopt the XDP program: %w", err)
	}
	spec, err := specFor(rules)
	if err != nil {
		return nil, err
	}
	if err := same(spec, prepared.Object, open, programs); err != nil {
		return nil, err
	}
	p := &Program{objects: bpfObjects{bpfPrograms: bpfPrograms{
		Fence: programs["fence"], Readdress: programs["readdress"], SetGrant: programs["set_grant"],
		SetLease: programs["set_lease"], Thresher: programs["thresher"],
	}}}
	into := struct {
		*bpfMaps
		*bpfVariables
	}{&p.objects.bpfMaps, &p.objects.bpfVariables}
	if err := spec.LoadAndAssign(&into, &ebpf.CollectionOptions{MapReplacements: open}); err != nil {
		return nil, fmt.Errorf("adopt the XDP program's maps: %w", err)
	}
	return p, p.finish(spec, rules)
}

// same tells whether what was prepared is what the specification asks for: the
// same code, and the same constants for it.
func same(spec *ebpf.CollectionSpec, object [sha256.Size]byte, maps map[string]*ebpf.Map, programs map[string]*ebpf.Program) error {
	if object != sha256.Sum256(_BpfBytes) {
		return fmt.Errorf("%w: it comes from another version", ErrOtherProgram)
	}
	for name := range spec.Programs {
		if programs[name] == nil {
			return fmt.Errorf("%w: it lacks %s", ErrOtherProgram, name)
		}
	}
	for _, name := range []string{bpfVarConf, bpfVarTick} {
		v := spec.Variables[name]
		m := maps[v.SectionName]
		if m == nil {
			return fmt.Errorf("%w: it lacks %s", ErrOtherProgram, v.SectionName)
		}
		has, err := m.LookupBytes(uint32(0))
		if err != nil {
			return fmt.Errorf("read %s: %w", v.SectionName, err)
		}
		if end := int(v.Offset) + len(v.Value); end > len(has) || !bytes.Equal(has[v.Offset:end], v.Value) {
			return fmt.Errorf("%w: its configuration is another one", ErrOtherProgram)
		}
	}
	return nil
}

// pinPrepared is the directory of a prepared program's pins in a node's.
const pinPrepared = "prepared"

// Pin keeps a prepared program in a node's directory of pins, for a process that
// does not get this one's descriptors.
func (p Prepared) Pin(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, pinPrepared), 0o700); err != nil {
		return fmt.Errorf("pin a prepared program: %w", err)
	}
	err := p.each(func(kind, name string, fd int) (int, error) {
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fd, err
		}
		return fd, pin(kind, own, preparedPath(dir, kind, name))
	})
	if err != nil {
		return errors.Join(fmt.Errorf("pin a prepared program: %w", err), RemovePrepared(dir))
	}
	return nil
}

func pin(kind string, fd int, path string) error {
	if kind == kindMap {
		m, err := ebpf.NewMapFromFD(fd)
		if err != nil {
			return err
		}
		return errors.Join(m.Pin(path), m.Close())
	}
	p, err := ebpf.NewProgramFromFD(fd)
	if err != nil {
		return err
	}
	return errors.Join(p.Pin(path), p.Close())
}

// PickUp opens what Pin has kept, under the same names. The pins stay.
func (p Prepared) PickUp(dir string) (Prepared, error) {
	picked := Prepared{Object: p.Object, Programs: maps.Clone(p.Programs), Maps: maps.Clone(p.Maps)}
	var open []int
	err := picked.each(func(kind, name string, _ int) (int, error) {
		fd, err := openPin(preparedPath(dir, kind, name))
		if err == nil {
			open = append(open, fd)
		}
		return fd, err
	})
	if err != nil {
		for _, fd := range open {
			_ = unix.Close(fd)
		}
		return Prepared{}, fmt.Errorf("open a prepared program: %w", err)
	}
	return picked, nil
}

// RemovePrepared removes the pins of a prepared program, if there are any.
func RemovePrepared(dir string) error { return os.RemoveAll(filepath.Join(dir, pinPrepared)) }

// The kinds of a prepared program's parts.
const kindProgram, kindMap = "program", "map"

// each sets every descriptor anew.
func (p Prepared) each(f func(kind, name string, fd int) (int, error)) (err error) {
	for kind, fds := range map[string]map[string]int{kindProgram: p.Programs, kindMap: p.Maps} {
		for name, fd := range fds {
			if fds[name], err = f(kind, name, fd); err != nil {
				return fmt.Errorf("%s %s: %w", kind, name, err)
			}
		}
	}
	return nil
}

// preparedPath is a part's pin: PinDir says why without a dot.
func preparedPath(dir, kind, name string) string {
	return filepath.Join(dir, pinPrepared, kind+"-"+strings.ReplaceAll(name, ".", "+"))
}

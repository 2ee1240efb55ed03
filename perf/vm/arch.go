package vm

import "fmt"

// arch is what depends on a machine's architecture.
type arch struct {
	emulator string
	hardware []string // arguments of the emulator
	console  string   // the kernel's name of the first serial port
	triplet  string   // the directory of Debian's libraries
}

// archOf knows an architecture by its name, which is Debian's and Go's.
func archOf(name string) (arch, error) {
	switch name {
	case "amd64":
		// QEMU 7.2 now and then spoils the flags in cmpxchg16b, which the kernel's
		// allocator uses where it is there.
		return arch{"qemu-system-x86_64", []string{"-cpu", "max,cx16=off"}, "ttyS0", "x86_64-linux-gnu"}, nil
	case "arm64":
		return arch{"qemu-system-aarch64", []string{"-machine", "virt", "-cpu", "neoverse-n1"}, "ttyAMA0", "aarch64-linux-gnu"}, nil
	}
	return arch{}, fmt.Errorf("vm: no machine is known for architecture %s: amd64 and arm64 are", name)
}

// Package vm runs the program on kernels that this machine does not have, in
// virtual machines of QEMU: Debian's kernels 6.1, 6.12 and 6.18, on virtio-net
// instead of veth. Its tests are the lane `just test-vm`; they need root, QEMU and
// a Debian mirror, and are left out unless asked for.
//
//	kernel.go    Debian's kernels, fetched once and checked
//	modules.go   which modules of a kernel a machine needs, and in which order
//	archive.go   the format of an initramfs
//	image.go     what is in ours: guest as /init, modules, programs
//	arch.go      what depends on the architecture: amd64, arm64
//	root.go      the programs of a machine of another architecture
//	disk.go      a disk with a minimal Debian, for what is about package and unit
//	machine.go   a virtual machine in place of a node of perf/lab
//	guest        the first process of a machine, which runs what call asks for
//
// A machine is plugged into the switch of a lab, where a node of it was: the same
// Ethernet address, the same IP address, the same configuration.
package vm

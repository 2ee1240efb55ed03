package xsk

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// registerMemory makes area the socket's packet memory (XDP_UMEM_REG). The area
// must outlive the socket and stay where it is: it is a mapping, not Go memory.
func registerMemory(fd int, area []byte, frameSize int) error {
	reg := unix.XDPUmemReg{
		Addr: uint64(uintptr(unsafe.Pointer(&area[0]))),
		Len:  uint64(len(area)),
		Size: uint32(frameSize),
	}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG,
		uintptr(unsafe.Pointer(&reg)), unsafe.Sizeof(reg), 0)
	if errno != 0 {
		return fmt.Errorf("register packet memory: %w", errno)
	}
	return nil
}

// getsockopt fills value from an option of the XDP level.
func getsockopt[T any](fd, option int, value *T) error {
	size := uint32(unsafe.Sizeof(*value))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option),
		uintptr(unsafe.Pointer(value)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// ringOffsets says where in their mappings a socket's rings have what.
func ringOffsets(fd int) (o unix.XDPMmapOffsets, err error) {
	if err = getsockopt(fd, unix.XDP_MMAP_OFFSETS, &o); err != nil {
		return o, fmt.Errorf("ask for ring layout: %w", err)
	}
	return o, nil
}

// mapRing maps one of a socket's rings; page says which (XDP_PGOFF_…), length is
// its size in entries.
func mapRing[T any](fd int, page int64, offset unix.XDPRingOffset, length int) (ring[T], error) {
	var entry T
	size := int(offset.Desc) + length*int(unsafe.Sizeof(entry))
	memory, err := unix.Mmap(fd, page, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return ring[T]{}, fmt.Errorf("map ring: %w", err)
	}
	return ring[T]{
		producer: (*atomic.Uint32)(unsafe.Pointer(&memory[offset.Producer])),
		consumer: (*atomic.Uint32)(unsafe.Pointer(&memory[offset.Consumer])),
		flags:    (*atomic.Uint32)(unsafe.Pointer(&memory[offset.Flags])),
		entries:  unsafe.Slice((*T)(unsafe.Pointer(&memory[offset.Desc])), length),
		memory:   memory,
	}, nil
}

// unmap gives a ring's mapping back; while it stands, the kernel keeps the
// socket bound even after its descriptor is closed.
func (r *ring[T]) unmap() error {
	if r.memory == nil {
		return nil
	}
	memory := r.memory
	*r = ring[T]{}
	return unix.Munmap(memory)
}

// openPin opens what is pinned at a path (bpf(2), BPF_OBJ_GET).
func openPin(path string) (int, error) {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	attr := struct {
		path   uint64
		fd     uint32
		flags  uint32
		pathFD int32
		_      uint32
	}{path: uint64(uintptr(unsafe.Pointer(name)))}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_OBJ_GET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(name)
	if errno != 0 {
		return -1, fmt.Errorf("open %s: %w", path, errno)
	}
	return int(fd), nil
}

// runUntil runs a program of type syscall with a time as its context and returns its
// verdict (bpf(2), BPF_PROG_TEST_RUN). The runtime hears nothing of it: of a system call
// in a process at rest it would wake its monitor (cluster/segment/unsafe.go), and
// leases are renewed at each heartbeat. The program does not wait for anything.
func runUntil(program *ebpf.Program, until uint64) (uint32, error) {
	var pinned runtime.Pinner
	pinned.Pin(&until)
	defer pinned.Unpin()
	attr := struct {
		fd, verdict   uint32
		_             [8]uint32 // data and repetitions
		contextLen, _ uint32
		context, _    uint64
		_             [4]uint32 // flags and a processor
	}{fd: uint32(program.FD()), contextLen: uint32(unsafe.Sizeof(until)), context: uint64(uintptr(unsafe.Pointer(&until)))}
	_, _, errno := unix.RawSyscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(program)
	if errno != 0 {
		return 0, errno
	}
	return attr.verdict, nil
}

package vm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"thresher/perf/lab"
	"thresher/perf/vm/call"
)

// guestUnit is the guest's on a machine with a disk.
const guestUnit = "guest.service"

// Options say what machine to start.
type Options struct {
	// Kernel and Image are what it boots; Image is the path of an initramfs.
	Kernel Kernel
	Image  string
	// CPUs and Memory (MiB) that it has. Default 1 and 512.
	CPUs, Memory int
	// Queues of its network card. Default 1.
	Queues int
	// MTU of its network card, if other than 1500.
	MTU int
	// NoZeroCopy leaves out what zero-copy needs of the device: a driver that uses
	// the kernel's DMA interface (VIRTIO_F_ACCESS_PLATFORM).
	NoZeroCopy bool
	// Disk is the image of its root, if that is a disk. What the machine writes to it
	// is not kept.
	Disk string
}

// Machine is a virtual machine that is a node of a lab. Its methods may be called
// from several goroutines at once.
type Machine struct {
	*lab.Node
	process *lab.Process
	client  *rpc.Client
}

// Start starts a machine in place of the node, and returns when it has booted. It
// dies with the lab. eth0 has the node's addresses.
func Start(ctx context.Context, l *lab.Lab, n *lab.Node, o Options) (*Machine, error) {
	o.CPUs, o.Memory, o.Queues = max(o.CPUs, 1), max(o.Memory, 512), max(o.Queues, 1)
	a, err := archOf(o.Kernel.architecture())
	if err != nil {
		return nil, err
	}
	if err := l.PlugMachine(n, o.Queues); err != nil {
		return nil, err
	}
	socket := filepath.Join(n.Dir, "vm.sock")
	p, err := l.Switch.Start(a.emulator, o.arguments(a, n, socket)...)
	if err != nil {
		return nil, err
	}
	m := &Machine{Node: n, process: p}
	if err := m.connect(ctx, socket); err != nil {
		return nil, errors.Join(fmt.Errorf("vm: %s: %w; it said: %s", n.Name, err, p.Tail(4000)), p.Kill())
	}
	return m, nil
}

// arguments are the emulator's.
func (o Options) arguments(a arch, n *lab.Node, socket string) []string {
	tap := "tap,id=net,script=no,downscript=no,vhost=off,ifname=" + n.Port
	if o.Queues > 1 {
		tap += ",queues=" + strconv.Itoa(o.Queues)
	}
	all := append(slices.Clone(a.hardware),
		"-accel", "tcg,thread=multi", "-smp", strconv.Itoa(o.CPUs), "-m", strconv.Itoa(o.Memory),
		"-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
		"-kernel", o.Kernel.Image, "-initrd", o.Image,
		// Emulation costs enough without mitigations, and on a busy machine the timer
		// comes too late for the kernel's test of it, which ends in a panic.
		"-append", "console="+a.console+" panic=-1 quiet mitigations=off no_timer_check systemd.wants="+guestUnit+" systemd.getty_auto=0",
		"-device", "virtio-serial-pci", "-chardev", "socket,id=calls,server=on,wait=off,path="+socket,
		"-device", "virtserialport,chardev=calls,name="+call.Port,
		"-netdev", tap, "-device", o.card(n),
	)
	if o.Disk != "" {
		all = append(all, "-drive", "if=none,id=disk,format=raw,snapshot=on,file="+o.Disk, "-device", "virtio-blk-pci,drive=disk")
	}
	return all
}

// card is the network card. What a receiver may leave for later (whole checksums,
// whole packets) is off: native XDP on virtio-net needs it so.
func (o Options) card(n *lab.Node) string {
	c := []string{"virtio-net-pci", "netdev=net", "romfile=", "mac=" + n.MAC.String()}
	for _, feature := range []string{"guest_csum", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo"} {
		c = append(c, feature+"=off")
	}
	if o.Queues > 1 {
		// A vector for each ring, one for the control ring, one for its
		// configuration.
		c = append(c, "mq=on", fmt.Sprintf("vectors=%d", 2*o.Queues+2))
	}
	if o.MTU > 0 {
		c = append(c, fmt.Sprintf("host_mtu=%d", o.MTU))
	}
	if !o.NoZeroCopy {
		c = append(c, "disable-legacy=on", "iommu_platform=on")
	}
	return strings.Join(c, ",")
}

// connect waits until the machine answers, and gives it its addresses.
func (m *Machine) connect(ctx context.Context, socket string) error {
	for m.client == nil {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			m.client = rpc.NewClient(conn)
			break
		}
		select {
		case <-m.process.Done():
			return fmt.Errorf("the machine ended: %w", m.process.Wait())
		case <-ctx.Done():
			return fmt.Errorf("the machine's port does not open (%w): %w", context.Cause(ctx), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if _, err := m.Run(ctx, "ip", "address", "add", m.Address.String()+"/16", "dev", lab.Interface); err != nil {
		return err
	}
	_, err := m.Run(ctx, "ip", "link", "set", lab.Interface, "up")
	return err
}

// call calls one of the guest's methods.
func (m *Machine) call(ctx context.Context, method string, args, reply any) error {
	c := m.client.Go(call.Service+"."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-c.Done:
		if c.Error != nil {
			return fmt.Errorf("vm: %s: %s: %w", m.Name, method, c.Error)
		}
		return nil
	case <-m.process.Done():
		return fmt.Errorf("vm: %s ended; it said: %s", m.Name, m.process.Tail(4000))
	case <-ctx.Done():
		return fmt.Errorf("vm: %s: %s: %w; it said: %s", m.Name, method, context.Cause(ctx), m.process.Tail(4000))
	}
}

// Run runs a command in the machine and returns its standard output. An error has
// all that it wrote.
func (m *Machine) Run(ctx context.Context, args ...string) ([]byte, error) {
	r, err := m.Do(ctx, call.Command{Args: args})
	if err == nil && r.Exit != 0 {
		err = fmt.Errorf("vm: %s: %s: exit %d: %s%s", m.Name, strings.Join(args, " "), r.Exit, r.Stdout, r.Stderr)
	}
	return r.Stdout, err
}

// Do runs a command in the machine to its end, whatever its exit code.
func (m *Machine) Do(ctx context.Context, c call.Command) (r call.Result, err error) {
	err = m.call(ctx, "Run", c, &r)
	return r, err
}

// Start starts a command in the machine and returns its process's number there.
func (m *Machine) Start(ctx context.Context, args ...string) (pid int, err error) {
	err = m.call(ctx, "Start", call.Command{Args: args}, &pid)
	return pid, err
}

// Kill sends SIGKILL to a process in the machine.
func (m *Machine) Kill(ctx context.Context, pid int) error {
	return m.call(ctx, "Signal", call.Signal{Pid: pid, Number: int(syscall.SIGKILL)}, &struct{}{})
}

// Write writes a file in the machine.
func (m *Machine) Write(ctx context.Context, path string, mode uint32, data []byte) error {
	return m.call(ctx, "Write", call.File{Path: path, Mode: mode, Data: data}, &struct{}{})
}

// Cut cuts the machine's power: SIGKILL of its emulator. It returns when it has
// gone.
func (m *Machine) Cut() error {
	err := m.process.Kill()
	<-m.process.Done()
	return err
}

// Said is the end of what the machine wrote to its console.
func (m *Machine) Said() string { return m.process.Tail(6000) }

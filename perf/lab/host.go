package lab

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"thresher/config"
)

// Interface is the name of the interface of every node and client.
const Interface = "eth0"

var errGoexit = errors.New("lab: the function ended its goroutine instead of returning")

// Host is one machine of the lab: the switch, a node or a client. Its fields
// are set by New and must not be changed. Its methods may be called from
// several goroutines at once.
type Host struct {
	// Name is switch, node1, client1 and so on.
	Name string
	// Address is the first IPv4 address of eth0; the switch has none. With
	// Config.IPv6 there is In6 of each, too.
	Address netip.Addr
	// Addresses are all IPv4 addresses of eth0, Address first.
	Addresses []netip.Addr
	// MAC is the Ethernet address of eth0.
	MAC config.MAC
	// Port is the name of the switch's port that the host hangs on.
	Port string
	// Back is the IPv4 address of a node's eth1 and BackPort the switch's port there;
	// zero without Config.Back.
	Back     netip.Addr
	BackPort string
	// Dir is a directory for the host's files. Close removes it.
	Dir string

	ns     netns.NsHandle
	inode  uint64 // of the namespace, as in /proc/PID/ns/net
	thread *thread
	links  *netlink.Handle

	mu     sync.RWMutex // guards what follows, and the use of ns
	closed bool
	procs  []*Process
	owned  []io.Closer
	logs   int
}

// newHost makes a network namespace and enters it with a thread of its own.
// The caller closes the host.
func newHost(name, dir string) (*Host, error) {
	h := &Host{Name: name, Dir: filepath.Join(dir, name), ns: netns.None()}
	if err := os.MkdirAll(h.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("lab: make the directory of %s: %w", name, err)
	}
	t, err := startThread(h.enter)
	if err != nil {
		h.release()
		return nil, fmt.Errorf("lab: make the namespace of %s: %w", name, err)
	}
	h.thread = t
	return h, nil
}

// enter makes the namespace and all that must be made inside it.
func (h *Host) enter() error {
	if err := ownMounts(); err != nil {
		return err
	}
	var err error
	if h.ns, err = netns.New(); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(h.ns), &stat); err != nil {
		return fmt.Errorf("stat the namespace: %w", err)
	}
	h.inode = stat.Ino
	if h.links, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	return h.setUpLoopback()
}

// Do runs fn on an OS thread inside the host's namespace and returns what fn
// returns. The thread is thrown away afterwards, so calls run side by side and
// fn may block. Sockets that fn opens stay in the namespace and can be used
// anywhere. Goroutines that fn starts run outside. Child processes that fn
// starts may be killed at any time: use Start.
func (h *Host) Do(fn func() error) error {
	result := make(chan error, 1)
	onFreshThread(func() {
		// Goexit, which testing's FailNow calls, runs nothing but the defer.
		err := errGoexit
		defer func() { result <- err }()
		if joined := h.join(); joined != nil {
			err = joined
			return
		}
		err = fn()
	})
	return <-result
}

// join moves the calling thread into the namespace.
func (h *Host) join() error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.closed {
		return ErrClosed
	}
	if err := netns.Set(h.ns); err != nil {
		return fmt.Errorf("lab: enter %s: %w", h.Name, err)
	}
	return nil
}

// own makes Close close c. It closes c at once if the host is closed already.
func (h *Host) own(c io.Closer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errors.Join(ErrClosed, c.Close())
	}
	h.owned = append(h.owned, c)
	return nil
}

// close ends everything that runs in the host, then lets the namespace go. Once it
// is closed nothing more happens.
func (h *Host) close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	procs, owned := h.procs, h.owned
	h.procs, h.owned, h.closed = nil, nil, true
	h.mu.Unlock()

	var errs []error
	for _, c := range owned {
		errs = append(errs, c.Close())
	}
	for _, p := range procs {
		errs = append(errs, p.Kill())
	}
	for _, p := range procs {
		<-p.Done()
	}
	errs = append(errs, killInNamespace(h.inode), h.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("lab: close %s: %w", h.Name, err)
	}
	return nil
}

// release gives back what newHost took, as far as it came.
func (h *Host) release() error {
	if h.thread != nil {
		h.thread.stop()
	}
	if h.links != nil {
		h.links.Close()
	}
	if !h.ns.IsOpen() {
		return nil
	}
	return h.ns.Close()
}

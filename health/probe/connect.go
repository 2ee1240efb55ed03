package probe

import (
	"context"
	"io"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// bound is a connection that ends with a context: what is done with it fails then.
type bound struct {
	io.ReadWriteCloser
	stop func() bool
}

func (b bound) Close() error {
	b.stop()
	return b.ReadWriteCloser.Close()
}

// open connects by TCP; the connection ends with ctx.
func open(ctx context.Context, address string) (io.ReadWriteCloser, error) {
	if to, err := netip.ParseAddrPort(address); err == nil && to.Addr().Zone() == "" {
		return connect(ctx, to)
	}
	conn, err := dial(ctx, address) // a name has to be looked up
	if err != nil {
		return nil, err
	}
	return bound{conn, heed(ctx, conn)}, nil
}

// connect is open for an address. A Dialer starts a goroutine for each connection, which
// ends it with ctx, and lets the scheduler wait for the answer even if it is there, as
// that of a server on this machine is: that is a third of what a check of type tcp takes.
func connect(ctx context.Context, to netip.AddrPort) (io.ReadWriteCloser, error) {
	family, sa := sockaddr(to)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), to.String())
	conn := bound{f, heed(ctx, f)}
	if err := handshake(f, sa); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func sockaddr(to netip.AddrPort) (family int, sa unix.Sockaddr) {
	if a := to.Addr().Unmap(); a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: a.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
}

// handshake connects, until f's deadline. A connect that is called again says what has
// become of the one before (connect(2)).
func handshake(f *os.File, sa unix.Sockaddr) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Write(func(fd uintptr) bool {
		if result = unix.Connect(int(fd), sa); result == unix.EINPROGRESS {
			result = unix.Connect(int(fd), sa)
		}
		return result != unix.EALREADY && result != unix.EINTR
	}); err != nil {
		return err
	}
	if result == unix.EISCONN {
		return nil
	}
	return os.NewSyscallError("connect", result)
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"thresher/perf/engine"
	"thresher/perf/lab"
	"thresher/perf/report"
)

const (
	requestLen = 64 // bytes of payload
	// answerTimeout is when a datagram counts as lost.
	answerTimeout = 200 * time.Millisecond
)

// serveEcho answers from the VIP, on a thread of its own with blocking calls, so that
// Go's scheduler has no part in the time.
func (p placement) serveEcho(bed *engine.Testbed) error {
	_, cpu, err := p.cpus()
	if err != nil {
		return err
	}
	conn, err := bed.Node.ListenPacket("udp4", netip.AddrPortFrom(lab.VIP(), engine.EchoPort).String())
	if err != nil {
		return err
	}
	file, err := blocking(conn)
	if err != nil {
		return err
	}
	var ends atomic.Bool
	done := make(chan error, 1)
	go func() {
		done <- doOn(bed.Node.Host, cpu, func() error { return echo(int(file.Fd()), &ends) })
	}()
	bed.OnClose(func() error {
		ends.Store(true)
		return errors.Join(<-done, file.Close())
	})
	return nil
}

// echo sends datagrams back until it is told to end, which it notices within
// answerTimeout.
func echo(fd int, ends *atomic.Bool) error {
	buf := make([]byte, requestLen)
	for !ends.Load() {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return fmt.Errorf("wait for a request: %w", err)
		default:
			_ = unix.Sendto(fd, buf[:n], 0, from) // Datagrams may be lost.
		}
	}
	return nil
}

// askEcho sends requests one after another and returns percentiles of the time
// to the answer.
func (p placement) askEcho(ctx context.Context, bed *engine.Testbed, d time.Duration) (sample, error) {
	cpu, _, err := p.cpus()
	if err != nil {
		return nil, err
	}
	to := netip.AddrPortFrom(lab.VIP(), engine.EchoPort)
	conn, err := bed.Lab.Clients[0].Dial(ctx, "udp4", netip.AddrPort{}, to)
	if err != nil {
		return nil, err
	}
	file, err := blocking(conn)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var times []float64
	err = doOn(bed.Lab.Clients[0], cpu, func() (err error) {
		times, err = roundTrips(ctx, int(file.Fd()), d)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(times)
	return sample{
		"p50":  report.Percentile(times, 0.5),
		"p99":  report.Percentile(times, 0.99),
		"p999": report.Percentile(times, 0.999),
	}, nil
}

// blocking gives a socket of UDP to whoever uses it with system calls, which wait for
// answerTimeout at most. conn is closed.
func blocking(conn io.Closer) (*os.File, error) {
	defer conn.Close()
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return nil, fmt.Errorf("%T is no socket of UDP", conn)
	}
	file, err := udp.File() // A blocking duplicate (net.UDPConn.File).
	if err != nil {
		return nil, err
	}
	timeout := unix.NsecToTimeval(answerTimeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(int(file.Fd()), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// roundTrips measures in microseconds.
func roundTrips(ctx context.Context, fd int, d time.Duration) ([]float64, error) {
	var times []float64
	buf := make([]byte, requestLen)
	for start := time.Now(); ctx.Err() == nil && time.Since(start) < d; {
		sent := time.Now()
		if _, err := unix.Write(fd, buf); err != nil {
			return nil, fmt.Errorf("send a request: %w", err)
		}
		if err := answer(fd, buf); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(sent).Nanoseconds())/1e3)
	}
	if len(times) == 0 {
		return nil, errors.Join(errors.New("no request was answered"), ctx.Err())
	}
	return times, nil
}

// answer waits for the echo. Go interrupts system calls of its own threads.
func answer(fd int, buf []byte) error {
	for {
		_, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("no answer within %v", answerTimeout)
		case err != nil:
			return fmt.Errorf("wait for the answer: %w", err)
		default:
			return nil
		}
	}
}

package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
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

func serveEcho(bed *engine.Testbed) error {
	_, err := bed.Node.StartUDPEcho(fmt.Sprintf("0.0.0.0:%d", engine.EchoPort))
	return err
}

// askEcho sends requests one after another and returns percentiles of the time
// to the answer.
func askEcho(ctx context.Context, bed *engine.Testbed, d time.Duration) (sample, error) {
	to := netip.AddrPortFrom(lab.VIP(), engine.EchoPort)
	conn, err := bed.Lab.Clients[0].Dial(ctx, "udp4", netip.AddrPort{}, to)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	times, err := roundTrips(ctx, conn.(*net.UDPConn), d)
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

// roundTrips measures in microseconds, on a thread of its own with blocking
// calls, so that Go's scheduler has no part in the time.
func roundTrips(ctx context.Context, conn *net.UDPConn, d time.Duration) ([]float64, error) {
	file, err := conn.File() // A blocking duplicate (net.UDPConn.File).
	if err != nil {
		return nil, err
	}
	defer file.Close()
	fd := int(file.Fd())
	timeout := unix.NsecToTimeval(answerTimeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
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

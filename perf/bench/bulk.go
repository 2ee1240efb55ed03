package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"thresher/perf/engine"
	"thresher/perf/lab"
)

// bulkBuffer is what is read and written at once, in bytes.
const bulkBuffer = 256 << 10

// The first byte of a connection says what the client wants.
const (
	wantUpload   = 'u'
	wantDownload = 'd'
)

// serveBulk takes uploads and sends downloads until the client closes.
func serveBulk(bed *engine.Testbed) error {
	l, err := bed.Node.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", engine.BulkPort))
	if err != nil {
		return err
	}
	bed.OnClose(l.Close)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go serveTransfer(conn)
		}
	}()
	return nil
}

func serveTransfer(conn net.Conn) {
	defer conn.Close()
	// A client that is gone must not leave a goroutine behind.
	if err := conn.SetDeadline(time.Now().Add(MaxTime + patience)); err != nil {
		return
	}
	var want [1]byte
	if _, err := io.ReadFull(conn, want[:]); err != nil {
		return
	}
	if want[0] == wantDownload {
		_, _ = send(conn, MaxTime) // It ends when the client closes.
		return
	}
	// The answer to an upload is when all of it is there.
	if _, err := receive(conn, MaxTime); err == nil {
		_, _ = conn.Write(want[:]) // The client sees what is missing.
	}
}

// askBulk transfers for half of the time in each direction.
func askBulk(ctx context.Context, bed *engine.Testbed, d time.Duration) (sample, error) {
	upload, err := transfer(ctx, bed, wantUpload, d/2)
	if err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	download, err := transfer(ctx, bed, wantDownload, d/2)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	return sample{"upload": upload, "download": download}, nil
}

// transfer returns gigabits a second.
func transfer(ctx context.Context, bed *engine.Testbed, want byte, d time.Duration) (float64, error) {
	to := netip.AddrPortFrom(lab.VIP(), engine.BulkPort)
	conn, err := bed.Lab.Clients[0].Dial(ctx, "tcp4", netip.AddrPort{}, to)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return 0, err
		}
	}
	if _, err := conn.Write([]byte{want}); err != nil {
		return 0, err
	}
	start := time.Now()
	n, err := exchange(conn.(*net.TCPConn), want, d)
	return float64(n) * 8 / time.Since(start).Seconds() / 1e9, err
}

// exchange returns how many bytes went over; uploads are waited for until the
// server has them all.
func exchange(conn *net.TCPConn, want byte, d time.Duration) (int64, error) {
	if want == wantDownload {
		return receive(conn, d)
	}
	n, err := send(conn, d)
	if err != nil {
		return n, err
	}
	if err := conn.CloseWrite(); err != nil {
		return n, err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return n, err
}

// send writes for the time d.
func send(w io.Writer, d time.Duration) (n int64, err error) {
	buf := make([]byte, bulkBuffer)
	for start := time.Now(); time.Since(start) < d; {
		k, err := w.Write(buf)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// receive reads for the time d or until the end.
func receive(r io.Reader, d time.Duration) (n int64, err error) {
	buf := make([]byte, bulkBuffer)
	for start := time.Now(); time.Since(start) < d; {
		k, err := r.Read(buf)
		n += int64(k)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

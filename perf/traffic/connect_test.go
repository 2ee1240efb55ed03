package traffic

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"thresher/perf/lab"
)

func TestConnect(t *testing.T) {
	s := newScene(t)
	begun := time.Now()
	c := Connect(within(t), s.client, ConnectOptions{To: s.vip()})
	time.Sleep(time.Second)
	lasted := time.Since(begun).Seconds()
	all, err := c.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if n := float64(len(all)); n < 150*lasted || n > 250*time.Since(begun).Seconds() {
		t.Errorf("%d connections in %.1f s, want 200 a second", len(all), lasted)
	}
	for i, v := range all {
		if v.Trouble != None || v.Err != nil || v.Opened <= 0 || v.Echoed <= 0 {
			t.Fatalf("%+v", v)
		}
		if i > 0 && v.Started.Before(all[i-1].Started) {
			t.Fatal("not in order")
		}
	}
	if err := s.watch.Settle(within(t), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if n := Retransmissions(all, s.watch); n > 0 {
		t.Errorf("%d retransmissions", n)
	}
	if got := len(s.watch.All()); got != len(all) {
		t.Errorf("the watch saw %d handshakes of %d", got, len(all))
	}
}

func TestConnectSeesLoss(t *testing.T) {
	s := newScene(t)
	if _, err := s.Lose(within(t), 100, s.node.Host); err != nil {
		t.Fatal(err)
	}
	c := Connect(within(t), s.client, ConnectOptions{To: s.vip(), Rate: 50, Limit: 100 * time.Millisecond, Patience: 1500 * time.Millisecond})
	<-c.done
	all, err := c.Stop()
	if err != nil || len(all) != 5 {
		t.Fatalf("%d connections, %v", len(all), err)
	}
	for _, v := range all {
		if v.Trouble != Lost || v.Opened != 0 || !v.Client.IsValid() {
			t.Errorf("%+v", v)
		}
	}
	// Linux sends a SYN again after 1 s.
	if n := Retransmissions(all, s.watch); n != 5 {
		t.Errorf("%d retransmissions, want 5", n)
	}
}

func TestConnectInAClosedLab(t *testing.T) {
	s := newScene(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c := Connect(t.Context(), s.client, ConnectOptions{To: s.vip(), Limit: 50 * time.Millisecond})
	<-c.done
	if _, err := c.Stop(); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("error %v, want %v", err, lab.ErrClosed)
	}
}

func TestTroubleOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want Trouble
		name string
	}{
		{nil, None, "none"},
		{fmt.Errorf("x: %w", syscall.ECONNRESET), Reset, "reset"},
		{syscall.ECONNREFUSED, Reset, "reset"},
		{syscall.EPIPE, Reset, "reset"},
		{os.ErrDeadlineExceeded, Lost, "lost"},
		{syscall.ETIMEDOUT, Lost, "lost"},
		{errEnded, Ended, "ended"},
		{errGarbled, Garbled, "garbled"},
		{syscall.EADDRNOTAVAIL, Failed, "failed"},
		{io.ErrShortWrite, Failed, "failed"},
	} {
		if got := troubleOf(tt.err); got != tt.want || got.String() != tt.name {
			t.Errorf("%v: %s, want %s", tt.err, got, tt.want)
		}
	}
	if got := Trouble(99).String(); got != "trouble 99" {
		t.Errorf("%q", got)
	}
}

func TestJoinFirst(t *testing.T) {
	if err := joinFirst(make([]error, 5)); err != nil {
		t.Errorf("nothing joined is %v", err)
	}
	err := joinFirst([]error{io.EOF, nil, io.EOF, io.EOF, io.EOF, io.EOF})
	if want := "EOF\nEOF\nEOF\nand 2 more"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

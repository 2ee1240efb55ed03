package traffic

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"thresher/perf/lab"
)

func TestKeepTenThousand(t *testing.T) {
	s := newScene(t)
	server, err := s.node.StartEchoProcess("0.0.0.0:9")
	if err != nil {
		t.Fatal(err)
	}
	cpu := func() time.Duration { return cpuTime(t, os.Getpid()) + cpuTime(t, server.Pid) }
	const busy, idle = 500, 9500
	start, used := time.Now(), cpu()
	k, err := Keep(within(t), s.client, KeepOptions{To: netAddrPort(s.vip(), 9), Busy: busy, Idle: idle, Rate: 5000})
	if err != nil {
		t.Fatal(err)
	}
	opened, usedOpening := time.Since(start), cpu()-used
	used = cpu()
	const while = 2 * time.Second
	time.Sleep(while)
	usedKeeping := cpu() - used
	r, err := k.Finish(within(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d opened in %v with %v of CPU; %d busy ones for %v: %v of CPU; %d echoes, the worst %v",
		r.Connections, opened.Round(time.Millisecond), usedOpening, busy, while, usedKeeping, r.Echoes, r.Worst)
	if r.Connections != busy+idle || len(r.Broken) > 0 {
		t.Errorf("%d connections, %d broken, the first %+v", r.Connections, len(r.Broken), first(r.Broken))
	}
	// Each busy one talks every 100 ms, and all of them once at the end.
	want := busy*int(while/(100*time.Millisecond)) + busy + idle
	if got := int(r.Echoes); got < want*8/10 || got > want*13/10 {
		t.Errorf("%d echoes, want about %d", got, want)
	}
	if r.Worst <= 0 || !r.WorstClient.IsValid() || r.WorstAt.Before(start) {
		t.Errorf("the worst echo: %v of %v at %v", r.Worst, r.WorstClient, r.WorstAt)
	}
	if got := len(s.watch.All()); got != busy+idle {
		t.Errorf("the watch saw %d handshakes", got)
	}
	if r := s.watch.Resets(); len(r) > 0 {
		t.Errorf("%d resets by the node", len(r))
	}
}

func first[T any](all []T) any {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

func TestKeeperReportsTrouble(t *testing.T) {
	tests := []struct {
		name     string
		patience time.Duration
		damage   func(t *testing.T, s *scene)
		want     []Trouble // of every connection
	}{
		{"nothing", time.Second, func(*testing.T, *scene) {}, nil},
		{"cable pulled", 300 * time.Millisecond, func(t *testing.T, s *scene) { s.port(t, false) }, []Trouble{Lost}},
		// A server that has a message unread when it closes resets.
		{"server stopped", time.Second, func(t *testing.T, s *scene) {
			if err := s.echo.Close(); err != nil {
				t.Fatal(err)
			}
		}, []Trouble{Ended, Reset}},
		// As long as a message may have to be sent again and again before there is a
		// machine that refuses it.
		{"power lost and back", 5 * time.Second, func(t *testing.T, s *scene) {
			if err := errors.Join(s.PowerOff(s.node), s.PowerOn(t.Context(), s.node)); err != nil {
				t.Fatal(err)
			}
			// The address must be there for its kernel to refuse.
			if _, err := s.node.Run(within(t), "ip", "address", "add", lab.VIP().String()+"/32", "dev", lab.Interface); err != nil {
				t.Fatal(err)
			}
		}, []Trouble{Reset}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			const busy, idle = 20, 30
			k, err := Keep(within(t), s.client, KeepOptions{To: s.vip(), Busy: busy, Idle: idle, Every: 20 * time.Millisecond, Patience: tt.patience})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
			begin := time.Now()
			tt.damage(t, s)
			time.Sleep(100 * time.Millisecond)
			r, err := k.Finish(within(t))
			if err != nil {
				t.Fatal(err)
			}
			checkBroken(t, r, begin, tt.want, busy, idle)
			if got := len(k.Clients()); got != busy+idle {
				t.Errorf("%d clients", got)
			}
			if err := k.Close(); err != nil {
				t.Errorf("closing again: %v", err)
			}
		})
	}
}

// checkBroken: every connection broke in one of these ways after begin, or none if
// there are no ways.
func checkBroken(t *testing.T, r Report, begin time.Time, ways []Trouble, busy, idle int) {
	t.Helper()
	broken := map[bool]int{}
	for _, b := range r.Broken {
		broken[b.Idle]++
		if b.At.Before(begin) || b.Err == nil || !b.Client.IsValid() || !slices.Contains(ways, b.Trouble) {
			t.Errorf("%+v, want trouble %v after %v", b, ways, begin)
		}
	}
	if len(ways) == 0 {
		busy, idle = 0, 0
	}
	if broken[false] != busy || broken[true] != idle {
		t.Errorf("%d busy and %d idle ones broke, want %d and %d", broken[false], broken[true], busy, idle)
	}
}

func TestKeepTellsWhatItCannotOpen(t *testing.T) {
	s := newScene(t)
	if err := s.echo.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Keep(within(t), s.client, KeepOptions{To: s.vip(), Idle: 50}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v, want %v", err, syscall.ECONNREFUSED)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Keep(within(t), s.client, KeepOptions{To: s.vip(), Idle: 2}); !errors.Is(err, lab.ErrClosed) {
		t.Errorf("error %v, want %v", err, lab.ErrClosed)
	}
}

// A server that answers with something else is no echo server.
func TestGarbledEcho(t *testing.T) {
	s := newScene(t)
	listener, err := s.node.Listen("tcp", "0.0.0.0:9")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return // The test has failed already.
		}
		defer conn.Close()
		buf := make([]byte, messageLen)
		if _, err := conn.Read(buf); err == nil {
			buf[0]++
			_, _ = conn.Write(buf)
			_, _ = conn.(*net.TCPConn).Read(buf) // Until the client is done.
		}
	}()
	to := s.vip()
	k, err := Keep(within(t), s.client, KeepOptions{To: netAddrPort(to, 9), Idle: 1})
	if err != nil {
		t.Fatal(err)
	}
	r, err := k.Finish(within(t))
	if err != nil || len(r.Broken) != 1 || r.Broken[0].Trouble != Garbled {
		t.Errorf("%+v, %v", r, err)
	}
}

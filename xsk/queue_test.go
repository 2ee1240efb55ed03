package xsk

import (
	"context"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"thresher/config"
)

// path is a complete way from the interface to the stack.
type path struct {
	program *Program
	stack   *Stack
	queues  []*Queue
}

// newPath runs queues with one handler for all of them.
func newPath(t *testing.T, w *wire, nic config.MAC, mode config.XDPMode, queues int, h Handler) *path {
	t.Helper()
	p := &path{}
	var err error
	p.stack, err = OpenStack(w.nic, queues, 0)
	must(t, err)
	p.program, err = LoadProgram(rulesFor(nic))
	must(t, err)
	t.Cleanup(func() { p.program.Close() })
	must(t, p.stack.Fence(p.program))
	must(t, p.program.SetLease(math.MaxInt64))
	got := attach(t, w, p.program, mode)
	if got != mode {
		t.Fatalf("attached in mode %v, want %v", got, mode)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, queues)
	for i := range queues {
		q, err := OpenQueue(QueueOptions{
			Interface: w.nic.Attrs().Index, Stack: p.stack.In, Queue: i, Memory: MemoryFor(1500),
		})
		must(t, err)
		p.queues = append(p.queues, q)
		must(t, p.program.Register(q))
		go func() { done <- q.Run(ctx, h) }()
	}
	t.Cleanup(func() {
		cancel()
		for range queues {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for _, q := range p.queues {
			must(t, q.Close())
		}
	})
	must(t, p.program.Arm())
	return p
}

// passAll passes everything to nic's address, and keeps nothing.
type passAll struct {
	nic  config.MAC
	seen atomic.Int64
}

func (p *passAll) Begin()             {}
func (p *passAll) Release([]byte) int { return 0 }
func (p *passAll) Waiting() bool      { return false }

func (p *passAll) Handle(b *Batch) {
	p.seen.Add(int64(len(b.Frames)))
	for i, frame := range b.Frames {
		copy(frame, p.nic[:])
		b.Pass[i] = true
	}
}

// TestDatagramsThroughQueue sends datagrams to a socket on the VIP through
// AF_XDP, and takes the answers at the client.
func TestDatagramsThroughQueue(t *testing.T) {
	for _, mode := range []config.XDPMode{config.XDPNative, config.XDPGeneric} {
		for _, queues := range []int{1, 4} {
			t.Run(mode.String(), func(t *testing.T) {
				w := newWire(t, queues)
				h := &passAll{nic: w.nicMAC()}
				newPath(t, w, w.nicMAC(), mode, queues, h)
				const n = 2000
				got := 0
				for _, f := range families {
					got += echoes(t, w, f, n/len(families))
				}
				if got != n {
					t.Errorf("%d of %d datagrams answered", got, n)
				}
				if seen := h.seen.Load(); seen != n {
					t.Errorf("%d frames through AF_XDP, want %d", seen, n)
				}
			})
		}
	}
}

// echoes sends n datagrams one by one to an echo server on the VIP and counts
// the answers.
func echoes(t *testing.T, w *wire, f family, n int) (answers int) {
	t.Helper()
	server, err := net.ListenUDP("udp"+f.name, &net.UDPAddr{IP: f.vip.Address.AsSlice(), Port: 7})
	must(t, err)
	go echo(server)
	defer server.Close()
	var client *net.UDPConn
	w.inClient(t, func() {
		client, err = net.DialUDP("udp"+f.name, nil, &net.UDPAddr{IP: f.vip.Address.AsSlice(), Port: 7})
		must(t, err)
	})
	defer client.Close()
	buf := make([]byte, 64)
	for range n {
		_, err := client.Write([]byte("hello"))
		must(t, err)
		must(t, client.SetReadDeadline(time.Now().Add(10*time.Second)))
		if _, err := client.Read(buf); err != nil {
			t.Fatalf("after %d answers: %v", answers, err)
		}
		answers++
	}
	return answers
}

func echo(server *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := server.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if _, err := server.WriteToUDPAddrPort(buf[:n], from); err != nil {
			return
		}
	}
}

package farm

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"thresher/config"
	"thresher/internal/netnstest"
	"thresher/pipeline"
	"thresher/xsk"
)

// stuck is a handler that stays in its first step until it is let go: a thread
// that gets no time between judging and sending.
type stuck struct {
	handler
	inStep, letGo chan struct{}
	once          bool
}

func (s *stuck) Handle(b *xsk.Batch) {
	if !s.once {
		s.once = true
		close(s.inStep)
		<-s.letGo
	}
	s.handler.Handle(b)
}

// TestFlushWaitsForTheQueue takes a share away from a queue that is asleep, and
// from one that is in the middle of a step.
func TestFlushWaitsForTheQueue(t *testing.T) {
	node, client := netnstest.New(t), netnstest.New(t)
	node.Veth(t, "eth0", client, "eth0", 1)
	client.Addr(t, "eth0", "198.18.1.1/16")
	j := newJudged(t)
	d := &datapath{rules: j.mine.Rules, failed: make(chan error, 1)}
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.table.Store(j.mine)
	d.deadline.Store(math.MaxInt64)
	s := &stuck{handler: newHandler(&d.table, &d.deadline, &atomic.Int64{}, pipeline.NewFragments()), inStep: make(chan struct{}), letGo: make(chan struct{})}
	node.Do(t, func() error { return openWith(d, s) })
	t.Cleanup(func() { node.Do(t, d.close) })

	if err := flushed(d); err != nil {
		t.Errorf("an idle queue: %v", err)
	}
	syn := synBatch(t, 1000).Frames[0]
	client.Do(t, func() error { return sendFrame(syn) })
	<-s.inStep
	d.table.Store(j.others)
	start := time.Now()
	err := d.Flush(context.Background())
	if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took < flushPatience || took > 100*flushPatience {
		t.Errorf("a queue in a step: %v after %v", err, took)
	}
	if err != nil && !strings.Contains(err.Error(), "queue 0") {
		t.Errorf("which queue? %v", err)
	}

	close(s.letGo)
	if err := flushed(d); err != nil {
		t.Errorf("a queue that goes on: %v", err)
	}
	var sum [pipeline.ReasonLen]uint64
	s.counters.AddTo(&sum)
	if sum[pipeline.Accepted] != 1 {
		t.Errorf("flushed, but the packet of the step is not done: %v", sum)
	}
}

// flushed flushes until that succeeds: the queue of a busy machine may have its turn
// later than flush waits.
func flushed(d *datapath) (err error) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if err = d.Flush(context.Background()); err == nil {
			break
		}
	}
	return err
}

// openWith opens a packet path of one queue with a handler, on eth0 of the
// namespace that the caller is in.
func openWith(d *datapath, h xsk.Handler) (err error) {
	nic, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	if d.stack, err = xsk.OpenStack(nic, 1, 0); err != nil {
		return err
	}
	if d.program, err = xsk.LoadProgram(kernelRules(d.rules, config.OffloadNone)); err != nil {
		return err
	}
	ifi := &net.Interface{Index: nic.Attrs().Index, Name: "eth0"}
	if _, err := d.program.Attach(ifi, "veth", config.XDPNative, nil); err != nil {
		return err
	}
	q, err := xsk.OpenQueue(xsk.QueueOptions{Interface: ifi.Index, Stack: d.stack.In, Memory: xsk.MemoryFor(1500)})
	if err != nil {
		return err
	}
	d.add(&queue{Queue: q})
	d.running.Go(func() { d.failed <- q.Run(d.ctx, h) })
	if err := d.program.Register(q); err != nil {
		return err
	}
	return d.program.Arm()
}

// sendFrame sends a frame as it is out of eth0 of the caller's namespace.
func sendFrame(frame []byte) error {
	nic, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: nic.Attrs().Index})
	return errors.Join(err, unix.Close(fd))
}

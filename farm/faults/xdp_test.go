package faults

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"thresher/internal/farmtest"
	"thresher/internal/leftout"
	"thresher/perf/lab"
)

// TestX02ReaderHangs stops a daemon through which every packet goes, under SYNs
// that fill its rings: nobody takes or gives back frames (X1). Its node drops what it
// cannot ask about, and its connections go on beside the pipeline; the drops are
// counted; when it reads again it serves again.
func TestX02ReaderHangs(t *testing.T) {
	for _, mode := range []string{"native", "generic"} {
		t.Run(mode, func(t *testing.T) {
			f := newFarm(t, lab.Config{Nodes: 2}, lab.FarmOptions{Offload: "none", XDP: mode})
			victim, _ := split(f)
			l := f.StartLoad(farmtest.LoadOptions{Victim: victim})
			flood := f.Flood(10_000)
			f.Pass(300 * time.Millisecond)
			f.Must(f.Daemons[victim.Name].Pause())
			silent := time.Now() // from then on at the latest
			f.Pass(1500 * time.Millisecond)
			resumed := time.Now()
			f.Must(f.Daemons[victim.Name].Resume())
			flood.Stop()
			f.Pass(1500 * time.Millisecond)
			l.Stop()
			l.CheckOneAnswer()
			l.CheckGaps(takeoverLimit)
			l.CheckKept()
			l.CheckVisits(0)
			if n := l.AnsweredBy(victim, silent.Add(leaseLimit), resumed); n > 0 {
				t.Errorf("the hanging node answered %d SYNs", n)
			}
			f.Converge(f.Nodes...)
			s, err := f.Status(victim)
			f.Must(err)
			t.Logf("%+v", s.Datapath.XSK)
			if s.Datapath.XSK.RxRingFull+s.Datapath.XSK.RxFillRingEmptyDescs == 0 {
				t.Error("no counter tells of the frames that nobody took")
			}
		})
	}
}

// TestX04ForeignProgram starts a daemon where another's XDP program is attached: it
// says so and what to do, and leaves that program alone.
func TestX04ForeignProgram(t *testing.T) {
	twoAtATime(t)
	f := farmtest.NewFor(t, binary, farmLimit(), lab.Config{Nodes: 1}, lab.FarmOptions{})
	n := f.Nodes[0]
	foreign, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "foreign", Type: ebpf.XDP, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}, // XDP_PASS
	})
	f.Must(err)
	t.Cleanup(func() { f.Must(foreign.Close()) })
	var attached link.Link
	f.Must(n.Do(func() error {
		nic, err := netlink.LinkByName(lab.Interface)
		if err == nil {
			attached, err = link.AttachXDP(link.XDPOptions{Program: foreign, Interface: nic.Attrs().Index, Flags: link.XDPDriverMode})
		}
		return err
	}))
	f.Start(n)
	select {
	case <-f.Daemons[n.Name].Done():
	case <-f.Ctx.Done():
		t.Fatal("the daemon goes on")
	}
	said := f.Daemons[n.Name].Tail(10_000)
	if err := f.Daemons[n.Name].Wait(); err == nil || !strings.Contains(said, "another XDP program is there") {
		t.Errorf("the daemon ended with %v and said:\n%s", err, said)
	}
	info, err := attached.Info()
	f.Must(err)
	if mine, err := foreign.Info(); err != nil {
		t.Error(err)
	} else if id, _ := mine.ID(); info.Program != id {
		t.Errorf("program %d is attached, not %d", info.Program, id)
	}
	f.Must(attached.Close())
	f.StartEcho(n)
	f.StartAll()
}

// newQueueLimit is how long a new queue may go unread on a busy machine: the kernel
// tells of it at once.
const newQueueLimit = time.Second

// TestX05QueuesChange gives a node's interface more receive queues under load. Fewer
// the kernel refuses, as long as a socket is bound to each.
func TestX05QueuesChange(t *testing.T) {
	twoAtATime(t)
	if _, err := exec.LookPath("ethtool"); err != nil {
		leftout.Skip(t, "ethtool is not installed")
	}
	f := farmtest.NewFor(t, binary, farmLimit(), lab.Config{Nodes: 2, Queues: 4},
		lab.FarmOptions{TCPPorts: []int{farmtest.EchoPort}, Affinity: "session", Offload: "none"})
	victim, _ := split(f)
	queues := func(count int) error {
		_, err := victim.Run(f.Ctx, "ethtool", "-L", lab.Interface, "rx", fmt.Sprint(count))
		return err
	}
	f.Must(queues(1))
	f.StartEcho(f.Nodes...)
	f.StartAll()
	l := f.StartLoad(farmtest.LoadOptions{Victim: victim})
	for _, count := range []int{2, 4} {
		f.Must(queues(count))
		f.Eventually(10*time.Second, fmt.Sprintf("%d queues are read", count), func() bool {
			s, err := f.Status(victim)
			return err == nil && s.Datapath.Queues == count
		})
		f.Pass(500 * time.Millisecond)
	}
	if err := queues(1); err == nil {
		t.Error("the kernel has taken queues away that are read")
	}
	l.Stop()
	l.CheckOneAnswer()
	l.CheckKept()
	// Until the new queue is read, what hashes to it is lost.
	l.CheckGaps(newQueueLimit)
	l.CheckVisits(0)
}

package cluster

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"thresher/config"
)

// stuckTransport sends nothing, and its writers wait until it is closed: the socket of an
// interface that has a carrier and sends no more.
type stuckTransport struct {
	*sockets
	closed chan struct{}
}

func (s *stuckTransport) WriteToAddress([]byte, memberlist.Address) (time.Time, error) {
	<-s.closed
	return time.Now(), net.ErrClosed
}

func (s *stuckTransport) Shutdown() error {
	close(s.closed)
	return s.sockets.Shutdown()
}

// TestStuckInterfaceHoldsNobodyUp: who sends heartbeats goes on, whatever becomes of the
// one network that gossip has, and the node can be shut down.
func TestStuckInterfaceHoldsNobodyUp(t *testing.T) {
	c, err := start(Config{
		Name: "a", Bind: netip.MustParseAddrPort("127.0.0.49:0"), Key: make([]byte, 32), Label: "test", Profile: config.Fast,
		Meta: Meta{Phase: Up}, Logger: slog.New(slog.DiscardHandler),
	}, tuning{memberlist: steady, network: func(_ int, s *sockets) memberlist.NodeAwareTransport {
		return &stuckTransport{s, make(chan struct{})}
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.delegate.NotifyJoin(&memberlist.Node{Name: "b", Addr: net.IPv4(127, 0, 0, 50), Port: 7946, Meta: c.delegate.NodeMeta(512)})
	ended := make(chan error, 1)
	go func() {
		for range 2 * queueLen {
			if err := c.SendBestEffort("b", 1, []byte("heartbeat")); err != nil {
				ended <- err
				return
			}
		}
		ended <- c.Shutdown()
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("who sends waits for the interface")
	}
}

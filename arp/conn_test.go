package arp

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestMaskedConnPutsTheCardsAddressIntoEveryFrame(t *testing.T) {
	wire := newFakeConn()
	c := &maskedConn{PacketConn: wire, source: nicMAC}
	frame := arpFrame(request(clientMAC, clientIP, vip))
	copy(frame[sourceOffset:], vmac[:])
	before := bytes.Clone(frame)
	if _, err := c.WriteTo(frame, nil); err != nil {
		t.Fatal(err)
	}
	sent := wire.sent()[0]
	if !bytes.Equal(sent[sourceOffset:typeOffset], nicMAC[:]) {
		t.Errorf("ethernet source = % x, want the card's %v", sent[sourceOffset:typeOffset], nicMAC)
	}
	if !bytes.Equal(frame, before) {
		t.Error("the caller's frame was changed")
	}
	copy(sent[sourceOffset:], vmac[:])
	if !bytes.Equal(sent, before) {
		t.Error("more than the ethernet source was changed")
	}
}

func TestMaskedConnRefusesWhatHasNoHeader(t *testing.T) {
	wire := newFakeConn()
	c := &maskedConn{PacketConn: wire, source: nicMAC}
	if _, err := c.WriteTo(make([]byte, 13), nil); err == nil {
		t.Error("13 bytes were sent as a frame")
	}
	if n := len(wire.sent()); n != 0 {
		t.Errorf("%d frames sent", n)
	}
}

func TestMaskedConnMarksErrorsOfTheSocket(t *testing.T) {
	wire := newFakeConn()
	wire.fail(unix.ENETDOWN)
	c := &maskedConn{PacketConn: wire, source: nicMAC}
	_, _, err := c.ReadFrom(make([]byte, 64))
	var own *socketError
	if !errors.As(err, &own) || !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("error = %v, want a socketError around ENETDOWN", err)
	}
}

// stuckConn is the socket of a card that takes no more frames: a write waits for its
// deadline.
type stuckConn struct {
	net.PacketConn
	deadline time.Time
}

func (c *stuckConn) SetWriteDeadline(t time.Time) error { c.deadline = t; return nil }

func (c *stuckConn) WriteTo([]byte, net.Addr) (int, error) {
	time.Sleep(time.Until(c.deadline))
	return 0, os.ErrDeadlineExceeded
}

func TestMaskedConnDoesNotWaitForAStuckCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &maskedConn{PacketConn: &stuckConn{deadline: time.Now().Add(time.Hour)}, source: nicMAC}
		for range 2 {
			began := time.Now()
			_, err := c.WriteTo(arpFrame(request(clientMAC, clientIP, vip)), nil)
			if waited := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || waited != sendPatience {
				t.Errorf("%v after %v, want a deadline passed after %v", err, waited, sendPatience)
			}
		}
	})
}

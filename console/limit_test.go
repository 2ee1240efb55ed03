package console

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"testing"
	"time"

	"thresher/console/access"
	"thresher/internal/crowd"
)

// Who opens streams on the socket without end gets so many and no more, and requests
// are answered as before; a stream that ends gives its place back.
func TestStreamsOfTheSocketAreBounded(t *testing.T) {
	c, s := startServer(t, &fakeFarm{status: farmOfThree()}, NewLog(0))
	var streams []net.Conn
	for range maxSocketStreams {
		streams = append(streams, openStream(t, c))
	}
	resp, body := request(t, c, "GET", "/v1/events?follow=1", "")
	refused(t, "one more", resp, body, http.StatusTooManyRequests, CodeTooMany)
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("status beside %d streams: %v", maxSocketStreams, err)
	}
	if err := streams[0].Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(testTimeout); s.socketStreams.Load() == maxSocketStreams; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a stream that has ended keeps its place")
		}
	}
	openStream(t, c)
}

// openStream follows the events by a connection of its own, and has the answer's first line.
func openStream(t *testing.T, c *Client) net.Conn {
	t.Helper()
	conn := dialClient(t, c)
	fmt.Fprint(conn, "GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
	first := make([]byte, len("HTTP/1.1 200 OK"))
	if err := conn.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(first); err != nil || !strings.HasPrefix(string(first), "HTTP/1.1 200") {
		t.Fatalf("a stream began with %q: %v", first, err)
	}
	return conn
}

// Connections of the socket count as those of one address, which may have them all.
func TestConnectionsOfTheSocketAreBounded(t *testing.T) {
	c, _ := startServer(t, &fakeFarm{}, NewLog(0))
	for range crowd.Connections {
		dialClient(t, c)
	}
	// Accepted in the order in which they were made: this one is closed at once.
	last := dialClient(t, c)
	if err := last.SetReadDeadline(time.Now().Add(readTimeout / 2)); err != nil {
		t.Fatal(err)
	}
	if _, err := last.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("connection %d is open: %v", crowd.Connections+1, err)
	}
}

// Who has logged in, or sent a token, keeps the connection when strangers take all.
func TestWhoIsKnownKeepsTheConnection(t *testing.T) {
	p := openPeople(t, &fakeFarm{})
	stranger := p.connect()
	p.ask("GET", "/", "", bearer(p.tokens[access.Monitor]))
	p.crowdOut()
	must(t, stranger.SetReadDeadline(time.Now().Add(readTimeout/2)))
	if _, err := stranger.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a stranger's connection is open: %v", err)
	}
	reused := false
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	resp, _ := p.ask("GET", "/", "", func(r *http.Request) { *r = *r.WithContext(trace) })
	if resp.StatusCode != http.StatusOK || !reused {
		t.Errorf("%s, by the same connection: %v", resp.Status, reused)
	}
}

// connect makes a connection to the people's listener that says nothing yet.
func (p *people) connect() *tls.Conn {
	p.t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(p.url, "https://"), &tls.Config{InsecureSkipVerify: true})
	must(p.t, err)
	p.t.Cleanup(func() { c.Close() })
	return c
}

// crowdOut takes all connections of the people's listener, each from an address of its
// own.
func (p *people) crowdOut() {
	p.t.Helper()
	at := strings.TrimPrefix(p.url, "https://")
	for i := range crowd.Connections {
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+i/200), byte(1+i%200))}}
		c, err := from.DialContext(p.t.Context(), "tcp", at)
		must(p.t, err)
		p.t.Cleanup(func() { c.Close() })
	}
	// Accepted in the order in which they were made: whom this one answers has had all.
	p.connect()
}

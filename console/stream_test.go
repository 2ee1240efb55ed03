package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thresher/console/access"
)

func TestStreamRoundTrip(t *testing.T) {
	want := []Event{
		{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seq: 1, Kind: "node_up", Level: LevelInfo, Message: "two\nlines", Fields: map[string]string{"node": "web1"}},
		{Time: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Seq: 2, Kind: "x", Level: LevelWarn, Message: "data: id: \r\n\n"},
	}
	var b bytes.Buffer
	for _, e := range want {
		if err := writeEvent(&b, e); err != nil {
			t.Fatal(err)
		}
	}
	got, err := collect(&b)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestReadEvents(t *testing.T) {
	for _, tt := range []struct {
		name, stream string
		want         []uint64
		fails        bool
	}{
		{"nothing", "", nil, false},
		{"comments and other fields", ": hello\nretry: 1\nevent: x\nid: 7\ndata: {\"seq\":7}\n\n", []uint64{7}, false},
		{"no space", "data:{\"seq\":1}\n\n", []uint64{1}, false},
		{"data on two lines", "data: {\"seq\":\ndata: 5}\n\n", []uint64{5}, false},
		{"line ends of CRLF", "data: {\"seq\":1}\r\n\r\ndata: {\"seq\":2}\r\n\r\n", []uint64{1, 2}, false},
		{"cut off", "data: {\"seq\":1}\n\ndata: {\"seq\":2}\n", []uint64{1}, false},
		{"empty lines", "\n\n\ndata: {\"seq\":1}\n\n\n\n", []uint64{1}, false},
		{"no JSON", "data: hello\n\n", nil, true},
		{"endless line", "data: " + strings.Repeat("x", maxStreamLine), nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			events, err := collect(strings.NewReader(tt.stream))
			var got []uint64
			for _, e := range events {
				got = append(got, e.Seq)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || (err != nil) != tt.fails {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestReadEventsEndsWithItsReader(t *testing.T) {
	enough := errors.New("enough")
	calls := 0
	err := readEvents(strings.NewReader("data: {}\n\ndata: {}\n\n"), func(Event) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add([]byte("id: 1\ndata: {\"seq\":1,\"kind\":\"node_up\"}\n\n"))
	f.Add([]byte("data: {\ndata: }\n\n: comment\n\r\n"))
	f.Add([]byte("data: []\n\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var b bytes.Buffer
		events, err := collect(bytes.NewReader(stream))
		if err != nil {
			return
		}
		for _, e := range events {
			// A time that JSON can read but not write is no event of ours.
			if writeEvent(&b, e) != nil {
				return
			}
		}
		again, err := collect(&b)
		if err != nil || len(again) != len(events) {
			t.Fatalf("%d events became %d, %v", len(events), len(again), err)
		}
	})
}

func collect(r io.Reader) ([]Event, error) {
	var events []Event
	err := readEvents(r, func(e Event) error { events = append(events, e); return nil })
	return events, err
}

// deadlines is a connection that notes how long writing may take.
type deadlines struct {
	http.ResponseWriter
	set []time.Duration // from the time of the call; 0 for none
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		d.set = append(d.set, 0)
	} else {
		d.set = append(d.set, time.Until(t))
	}
	return nil
}

func (d *deadlines) Flush() {}

// A reader over the network has only so long for each message, for ever between two,
// and no time for its own once the node shuts down.
func TestHurriedReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deadlines{ResponseWriter: httptest.NewRecorder()}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		h := hurried{ctx, d, http.NewResponseController(d)}
		for range 2 {
			_, err := h.Write([]byte("x"))
			must(t, err)
			must(t, h.Flush())
			cancel()
		}
		want := []time.Duration{watchWrite, 0, watchWrite, closingGrace, 0, closingGrace}
		if !slices.Equal(d.set, want) {
			t.Errorf("the deadlines are %v, want %v", d.set, want)
		}
	})
}

// Who may not come in any more does not see on by a stream that is open.
func TestStreamsEndWithTheRightToThem(t *testing.T) {
	for _, path := range []string{"/v1/events?follow=1", "/v1/farm?follow=1"} {
		p := openPeople(t, &fakeFarm{status: farmOfThree()})
		_, loggedOut := p.login("control")
		_, removed := p.login("monitor")
		streams := map[string]*http.Response{
			"logged out": p.open(path, loggedOut), "user removed": p.open(path, removed),
			"token removed": p.open(path, bearer(p.tokens[access.Monitor])),
		}
		stays := p.open(path, bearer(p.tokens[access.Admin]))
		p.ask("DELETE", "/v1/session", "", loggedOut)
		must(t, access.Update(p.file, func(f *access.File) error {
			f.Users = slices.DeleteFunc(f.Users, func(u access.User) bool { return u.Name == "monitor" })
			f.Tokens = slices.DeleteFunc(f.Tokens, func(t access.Token) bool { return t.Name == "monitor" })
			return nil
		}))
		for who, resp := range streams {
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Errorf("%s: %s is cut off and does not end: %v", path, who, err)
			}
		}
		p.log.Add(Event{Kind: "after"})
		if _, err := stays.Body.Read(make([]byte, 1)); err != nil {
			t.Errorf("%s: who may still come in: %v", path, err)
		}
	}
}

// open opens a stream for the length of the test.
func (p *people) open(path string, change func(*http.Request)) *http.Response {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	p.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", p.url+path, nil)
	must(p.t, err)
	change(r)
	resp, err := p.http.Do(r)
	must(p.t, err)
	p.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s", path, resp.Status)
	}
	return resp
}

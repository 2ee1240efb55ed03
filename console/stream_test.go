package console

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

package demo

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fair is the result of a farm of three that did everything right.
func fair() Result {
	return Result{
		Nodes: 3, Requests: 400, Answered: 400,
		PerNode:   map[string]int{"node1": 134, "node2": 133, "node3": 133},
		AfterKill: AfterKill{Requests: 400, Answered: 400, FirstAnswerMS: 700},
	}
}

func TestProblems(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*Result)
		want  []string
	}{
		{"fair", func(*Result) {}, nil},
		{"one unanswered", func(r *Result) { r.Answered-- }, []string{"1 of 400 requests were not answered"}},
		{"unanswered after the kill", func(r *Result) { r.AfterKill.Answered = 380 },
			[]string{"20 of 400 requests after the kill were not answered"}},
		{"answered twice", func(r *Result) { r.Duplicates = 2 }, []string{"2 times, more than one node answered"}},
		{"a node without clients", func(r *Result) { r.PerNode = map[string]int{"node1": 170, "node2": 170} },
			[]string{"2 of 3 nodes answered"}},
		{"a stranger", func(r *Result) { r.PerNode["node4"] = 133 }, []string{"4 of 3 nodes answered"}},
		{"at the lower bound", func(r *Result) { r.PerNode["node1"] = 92 }, nil},
		{"below", func(r *Result) { r.PerNode["node1"] = 91 }, []string{"node1 answered 91 of 400 requests"}},
		{"at the upper bound", func(r *Result) { r.PerNode["node3"] = 172 }, nil},
		{"above", func(r *Result) { r.PerNode["node3"] = 173 }, []string{"node3 answered 173 of 400 requests"}},
		{"two of two", func(r *Result) {
			r.Nodes, r.PerNode = 2, map[string]int{"node1": 200, "node2": 200}
		}, nil},
		{"several", func(r *Result) { r.Answered, r.Duplicates = 0, 1 },
			[]string{"400 of 400 requests were not answered", "1 times, more than one node answered"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := fair()
			tt.spoil(&r)
			if diff := cmp.Diff(tt.want, r.Problems()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A round's answers become figures; answers of the killed node do not count as
// the first of its clients' after the kill.
func TestCounting(t *testing.T) {
	killed := time.Unix(100, 0)
	at := func(ms int) time.Time { return killed.Add(time.Duration(ms) * time.Millisecond) }
	before := []answer{{node: "node1"}, {node: "node2"}, {node: "node2"}, {node: "node2"}, {}}
	after := []answer{{"node1", at(5)}, {"node1", at(900)}, {"node1", at(700)}, {"node2", at(1)}, {}}
	var r Result
	r.before(before)
	r.after(before, after, "node2", killed)
	want := Result{
		Requests: 5, Answered: 4, PerNode: map[string]int{"node1": 1, "node2": 3},
		AfterKill: AfterKill{Requests: 5, Answered: 4, FirstAnswerMS: 700},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestResultAsJSON(t *testing.T) {
	r := fair()
	r.OK = true
	got, err := json.Marshal(r)
	want := `{"nodes":3,"requests":400,"answered":400,"per_node":{"node1":134,"node2":133,"node3":133},"duplicates":0,` +
		`"after_kill":{"requests":400,"answered":400,"first_answer_ms":700},"ok":true}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestResultAsText(t *testing.T) {
	compare(t, "result", fair().String())
	if got := (Result{}).String(); !strings.Contains(got, "0 of 0 requests") {
		t.Errorf("nothing was asked: %s", got)
	}
}

func TestReadBody(t *testing.T) {
	for _, tt := range []struct{ answer, body, err string }{
		{"HTTP/1.0 200 OK\r\n\r\nnode1", "node1", ""},
		{"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nnode1", "node1", ""},
		{"HTTP/1.0 200 OK\r\n\r\n" + strings.Repeat("x", 1000), strings.Repeat("x", maxBody), ""},
		{"HTTP/1.0 500 Broken\r\n\r\nnode1", "", "answered 500 Broken"},
		{"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nnode1", "node1", "unexpected EOF"},
		{"", "", "EOF"},
	} {
		body, err := readBody(strings.NewReader(tt.answer))
		said := ""
		if err != nil {
			said = err.Error()
		}
		if body != tt.body || !strings.Contains(said, tt.err) || (err == nil) != (tt.err == "") {
			t.Errorf("%q: got %q, %v", tt.answer, body, err)
		}
	}
}

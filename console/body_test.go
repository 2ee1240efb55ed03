package console

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestReadBody: what readers could take for one thing or another is refused.
func TestReadBody(t *testing.T) {
	type in struct {
		User string
		List []map[string]int
	}
	for text, ok := range map[string]bool{
		`{"user": "a", "list": [{"a": 1, "b": 2}, {"a": 1}]}`: true,
		" {} ":                            true,
		"":                                false,
		"{} {}":                           false,
		"{}]":                             false,
		`{"user": "a", "user": "b"}`:      false,
		`{"user": "a", "USER": "b"}`:      false,
		`{"user": "a", "u\u017fer": "b"}`: false, // the long s is a Decoder's s, too
		`{"list": [{"a": 1, "a": 2}]}`:    false,
		`{"user": "` + "\xff" + `"}`:      false,
		`{"users": "a"}`:                  false,
	} {
		var got in
		if err := readBody(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(text)), 100, &got); ok != (err == nil) {
			t.Errorf("%q: %v", text, err)
		}
	}
	err := readBody(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat(" ", 101))), 100, new(in))
	if tooLarge(err) == nil {
		t.Errorf("too long: %v", err)
	}
}

// TestRefusedWithACure: every request that comes to the API is refused as an Error with a
// cure; what is no HTTP request does not come there, and is refused as api.md says.
func TestRefusedWithACure(t *testing.T) {
	c, _ := startServer(t, &fakeFarm{}, NewLog(0))
	for _, tt := range []struct {
		name, text string
		status     int
		allow      string
	}{
		{"unknown path", "GET /v1/stat HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		{"method", "PATCH /v1/config HTTP/1.1\r\nHost: x\r\n\r\n", 405, "GET, HEAD, PUT"},
		{"made-up method", "BREW /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 405, "GET, HEAD"},
		{"parameters", "GET /v1/status?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
		{"before", "PUT /v1/node/config?within_ms=60000&id=x&before=%7B HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400, ""},
		{"long body", "POST /v1/node/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70000), 413, ""},
		{"chunks", "POST /v1/node/stop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400, ""},
		{"request line", "GET /v1/status\r\n\r\n", 400, "none"},
		{"header", "GET /v1/status HTTP/1.1\r\nHost: x\r\na b: c\r\n\r\n", 400, "none"},
		{"long header", "GET /v1/status HTTP/1.1\r\nHost: x\r\na: " + strings.Repeat("x", 2*maxHeaderBytes) + "\r\n\r\n", 431, "none"},
		{"version", "GET /v1/status HTTP/9.0\r\nHost: x\r\n\r\n", 505, "none"},
		{"encoding", "POST /v1/node/stop HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n", 501, "none"},
		{"expectation", "GET /v1/status HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n", 417, "none"},
	} {
		conn := dialClient(t, c)
		go func() { _, _ = io.WriteString(conn, tt.text) }() // it may be refused before its end
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		body, err := io.ReadAll(resp.Body)
		var e Error
		isError := json.Unmarshal(body, &e) == nil && e.Code != "" && e.Message != "" && e.Cure != ""
		if err != nil || resp.StatusCode != tt.status || isError != (tt.allow != "none") || isError && resp.Header.Get("Allow") != tt.allow {
			t.Errorf("%s: %v, %s %v %s", tt.name, err, resp.Status, resp.Header, body)
		}
		conn.Close()
	}
}

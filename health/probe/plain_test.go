package probe

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"thresher/config"
)

// TestPlainAnswers: what servers may say, and what they say when they are not well.
func TestPlainAnswers(t *testing.T) {
	long := strings.Repeat("x", 2*maxHead)
	page := func(length int, end string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", length+len(end), strings.Repeat("x", length), end)
	}
	for _, tt := range []struct {
		name, answer string
		method, body string
		ok           bool
		detail       string
	}{
		{"a length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell, and more", "GET", "^well$", true, "status 200"},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwe\r\n2\r\nll\r\n0\r\n\r\n", "GET", "^well$", true, "status 200"},
		{"until the end, by HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nwell", "GET", "^well$", true, "status 200"},
		{"an answer before the answer", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "GET", "", true, "status 204"},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "GET", "", false, "status 101"},
		{"a header alone", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "HEAD", "", true, "status 200"},
		{"a body that is cut off", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nwell", "GET", "", false, "the answer breaks off: unexpected EOF"},
		{"more than is read where nothing is looked for", page(2*maxHead, ""), "GET", "", true, "status 200"},
		{"at the end of a long page", page(2*maxHead, "well"), "GET", "well$", true, "status 200"},
		{"at the end of what is looked through", page(maxBody-4, "well"), "GET", "well$", true, "status 200"},
		{"not in a long page", page(2*maxHead, ""), "GET", "well", false, `status 200, but "well" is not in the answer`},
		{"after what is looked through", page(maxBody, "well"), "GET", "well", false,
			`status 200, but "well" is not in the first 1 MiB of the answer, and more is not read`},
		{"nothing", "", "GET", "", false, "EOF"},
		{"half a header", "HTTP/1.1 200 OK\r\nContent-Le", "GET", "", false, "malformed"},
		{"a header without end", "HTTP/1.1 200 OK\r\nX: " + long, "GET", "", false, "the answer's header is too long"},
		{"hints without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxHead/20), "GET", "", false, "the answer's header is too long"},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "GET", "", false, "malformed HTTP"},
	} {
		address := serve(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024)) // the request, in one piece
			_, _ = io.WriteString(c, tt.answer)
		})
		c := config.HTTPCheck{URL: "http://" + address + "/", Method: tt.method, Status: []config.PortRange{{First: 200, Last: 399}}}
		if tt.body != "" {
			c.Body = regexp.MustCompile(tt.body)
		}
		expect1(t, tt.name, run(t, config.Check{Type: config.CheckHTTP, HTTP: c}), tt.ok, tt.detail)
	}
}

// TestPlainRequest: the server is asked in whole, and for this connection alone.
func TestPlainRequest(t *testing.T) {
	asked := make(chan string, 1)
	address := serve(t, func(c net.Conn) {
		b := make([]byte, 1024)
		n, _ := c.Read(b)
		asked <- string(b[:n])
		fmt.Fprint(c, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	c := config.HTTPCheck{URL: "http://www.example.org:8080/health?all", Method: "GET", Connect: address, Status: []config.PortRange{{First: 204, Last: 204}}}
	expect1(t, "asked", run(t, config.Check{Type: config.CheckHTTP, HTTP: c}), true, "status 204")
	want := "GET /health?all HTTP/1.1\r\nHost: www.example.org:8080\r\nUser-Agent: thresher-check\r\nConnection: close\r\n\r\n"
	if got := <-asked; got != want {
		t.Errorf("asked\n%q, want\n%q", got, want)
	}
}

func TestPlainAddress(t *testing.T) {
	for text, want := range map[string]string{
		"http://192.0.2.1/":           "192.0.2.1:80",
		"http://192.0.2.1:8080/":      "192.0.2.1:8080",
		"http://[2001:db8::1]/":       "[2001:db8::1]:80",
		"http://[fe80::1%25eth0]:81/": "[fe80::1%eth0]:81",
		"http://www.example.org/":     "www.example.org:80",
		"http://my_host/":             "my_host:80",
		"http://bücher.example/":      "xn--bcher-kva.example:80",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := plainAddress(u); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// FuzzAnswer: whatever a server says, the probe ends.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell"))
	f.Add([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		req, err := http.NewRequest(http.MethodGet, "http://192.0.2.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		defer here.Close()
		go func() {
			_, _ = there.Read(make([]byte, 16))
			_, _ = there.Write(answer)
			there.Close()
		}()
		resp, err := exchange(here, bufio.NewReader(nil), []byte("GET /"), req)
		if err != nil {
			return
		}
		if r := judgeAnswer(config.HTTPCheck{Status: []config.PortRange{{First: 200, Last: 599}}}, resp); r.OK && resp.StatusCode < 200 {
			t.Errorf("%q is well: %+v", answer, r)
		}
	})
}

package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"thresher/config"
	"thresher/internal/leftout"
)

func TestMain(m *testing.M) { leftout.Exit(m.Run()) }

// run runs the probe of a check, with much time unless it has a timeout.
func run(t *testing.T, c config.Check) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(c.Timeout, 20*time.Second))
	defer cancel()
	return New(c)(ctx)
}

// brief is enough for what never answers.
const brief = 200 * time.Millisecond

func expect1(t *testing.T, name string, r Result, ok bool, detail string) {
	t.Helper()
	if r.OK != ok || !strings.Contains(r.Detail, detail) {
		t.Errorf("%s: ok %v, %q; want %v, %q", name, r.OK, r.Detail, ok, detail)
	}
}

func TestHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Node", "web1")
		fmt.Fprintf(w, "host %s, all is well", r.Host)
	})
	mux.HandleFunc("/sick", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "database is down", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/sick", http.StatusFound) })
	hang := make(chan struct{})
	mux.HandleFunc("/hang", func(w http.ResponseWriter, r *http.Request) { <-hang })
	plain := httptest.NewServer(mux)
	defer plain.Close()
	defer close(hang)
	secure := httptest.NewTLSServer(mux)
	defer secure.Close()
	good := []config.PortRange{{First: 200, Last: 399}}
	for _, tt := range []struct {
		name   string
		c      config.HTTPCheck
		ok     bool
		detail string
	}{
		{"well", config.HTTPCheck{URL: plain.URL}, true, "status 200"},
		{"body", config.HTTPCheck{URL: plain.URL, Body: regexp.MustCompile("all is w.ll")}, true, "status 200"},
		{"another body", config.HTTPCheck{URL: plain.URL, Body: regexp.MustCompile("^all")}, false, `"^all" is not in the answer`},
		{"host", config.HTTPCheck{URL: plain.URL, Host: "www.example.org", Body: regexp.MustCompile("host www.example.org")}, true, ""},
		{"header", config.HTTPCheck{URL: plain.URL, Headers: []string{"x-node: web1", "Content-Length"}}, true, ""},
		{"another header", config.HTTPCheck{URL: plain.URL, Headers: []string{"X-Node: web2"}}, false, `does not have the header "X-Node" as it should be`},
		{"sick", config.HTTPCheck{URL: plain.URL + "/sick"}, false, "status 503: database is down"},
		{"sick as wanted", config.HTTPCheck{URL: plain.URL + "/sick", Status: []config.PortRange{{First: 503, Last: 503}}}, true, "status 503"},
		{"a redirection is an answer", config.HTTPCheck{URL: plain.URL + "/moved"}, true, "status 302"},
		{"accepts and does not answer", config.HTTPCheck{URL: plain.URL + "/hang"}, false, "no answer in time"},
		{"nobody", config.HTTPCheck{URL: "http://127.0.0.1:1/"}, false, "connection refused"},
		{"connect elsewhere", config.HTTPCheck{URL: "http://www.example.org/", Connect: plain.Listener.Addr().String()}, true, ""},
		{"unknown certificate", config.HTTPCheck{URL: secure.URL}, false, "certificate"},
		{"any certificate", config.HTTPCheck{URL: secure.URL, SkipVerify: true}, true, "status 200"},
	} {
		tt.c.Method = "GET"
		if tt.c.Status == nil {
			tt.c.Status = good
		}
		c := config.Check{Type: config.CheckHTTP, HTTP: tt.c}
		if strings.HasSuffix(tt.c.URL, "/hang") {
			c.Timeout = brief
		}
		expect1(t, tt.name, run(t, c), tt.ok, tt.detail)
	}
	end := secure.Certificate().NotAfter
	c := config.HTTPCheck{URL: secure.URL, Method: "GET", Status: good, SkipVerify: true, ExpiryWarning: time.Until(end) + time.Hour}
	if r := run(t, config.Check{Type: config.CheckHTTP, HTTP: c}); !r.OK || !strings.HasPrefix(r.Warning, "the certificate ends on ") {
		t.Errorf("a certificate that ends: %+v", r)
	}
}

// serve answers each connection by what a function does with it.
func serve(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); answer(c) }()
		}
	}()
	return l.Addr().String()
}

// TestHTTPConnectsEachTime: a server that only keeps old connections alive is not
// well, over HTTP/2 neither.
func TestHTTPConnectsEachTime(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		var connections atomic.Int32
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
		server.EnableHTTP2 = proto == "HTTP/2.0"
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		}
		server.StartTLS()
		defer server.Close()
		look := New(config.Check{Type: config.CheckHTTP, HTTP: config.HTTPCheck{
			URL: server.URL, SkipVerify: true, Method: http.MethodGet,
			Status: []config.PortRange{{First: 200, Last: 200}}, Body: regexp.MustCompile(proto),
		}})
		for range 3 {
			expect1(t, proto, look(t.Context()), true, "status 200")
		}
		if got := connections.Load(); got != 3 {
			t.Errorf("%s: three runs make %d connections", proto, got)
		}
	}
}

func TestTCP(t *testing.T) {
	echo := serve(t, func(c net.Conn) {
		b := make([]byte, 100)
		n, _ := c.Read(b)
		fmt.Fprintf(c, "you said %s\r\n", b[:n])
	})
	silent := serve(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	agent := serve(t, func(c net.Conn) { fmt.Fprint(c, "up 75%\n") })
	smtp := serve(t, func(c net.Conn) {
		fmt.Fprint(c, "220 mail ESMTP\r\n")
		_, _ = c.Read(make([]byte, 100))
		fmt.Fprint(c, "250-mail\r\n250 SIZE\r\n")
		_, _ = c.Read(make([]byte, 100))
		fmt.Fprint(c, "454 TLS not available\r\n")
	})
	for _, tt := range []struct {
		name   string
		c      config.TCPCheck
		ok     bool
		detail string
	}{
		{"connect", config.TCPCheck{Target: silent}, true, "connected"},
		{"refused", config.TCPCheck{Target: "127.0.0.1:1"}, false, "connection refused"},
		{"send and expect", config.TCPCheck{Target: echo, Send: "PING\r\n", Expect: regexp.MustCompile("said PING")}, true, ""},
		{"something else", config.TCPCheck{Target: echo, Send: "PING\r\n", Expect: regexp.MustCompile("PONG")}, false, "you said PING"},
		{"silence", config.TCPCheck{Target: silent, Expect: regexp.MustCompile("x")}, false, "no answer in time"},
		{"agent", config.TCPCheck{Target: agent, Agent: true}, true, "up 75%"},
		{"no TLS", config.TCPCheck{Target: smtp, StartTLS: "smtp"}, false, "454 TLS not available"},
	} {
		c := config.Check{Type: config.CheckTCP, TCP: tt.c}
		if tt.name == "silence" {
			c.Timeout = brief
		}
		expect1(t, tt.name, run(t, c), tt.ok, tt.detail)
	}
}

func TestStartTLS(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	defer web.Close()
	r := run(t, config.Check{Type: config.CheckTCP, TCP: config.TCPCheck{Target: web.Listener.Addr().String(), StartTLS: "tls", SkipVerify: true}})
	expect1(t, "TLS at once", r, true, "connected")
	r = run(t, config.Check{Type: config.CheckTCP, TCP: config.TCPCheck{Target: web.Listener.Addr().String(), StartTLS: "tls"}})
	expect1(t, "unknown certificate", r, false, "certificate")
}

func TestAgent(t *testing.T) {
	for line, want := range map[string]Result{
		"75%":              {OK: true, Detail: "75%", Weight: 75},
		"75 %\r\n":         {OK: true, Detail: "75 %", Weight: 75},
		"up":               {OK: true, Detail: "up", Weight: 100},
		"ready 30%":        {OK: true, Detail: "ready 30%", Weight: 30},
		"drain":            {OK: true, Detail: "drain", Weight: 0},
		"down # disk full": {OK: false, Detail: "down: disk full", Weight: -1},
		"up,50%\nmore":     {OK: true, Detail: "up,50%", Weight: 50},
		"101%":             {Detail: `the agent says "101%", which is neither a weight such as 75% nor up, drain or down`, Weight: -1},
		"":                 {Detail: `the agent says "", which is neither a weight such as 75% nor up, drain or down`, Weight: -1},
	} {
		if got := parseAgent(line); got != want {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
}

func FuzzAgent(f *testing.F) {
	for _, s := range []string{"75%", "up 50%", "drain # x", "", "\xff%", "99999999999%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if r := parseAgent(line); r.Weight < -1 || r.Weight > 100 {
			t.Errorf("%q: weight %d", line, r.Weight)
		}
	})
}

func TestExec(t *testing.T) {
	for _, tt := range []struct {
		script  string
		agent   bool
		ok      bool
		detail  string
		warning string
		weight  int
	}{
		{"echo 'OK - load 0.1 | load=0.1'", false, true, "OK - load 0.1", "", -1},
		{"echo 'disk 91 %'; exit 1", false, true, "disk 91 %", "disk 91 %", -1},
		{"exit 1", false, true, "", "the program warns", -1},
		{"echo 'disk full'; exit 2", false, false, "disk full", "", -1},
		{"exit 3", false, false, "unknown", "", -1},
		{"exit 127", false, false, "exit code 127", "", -1},
		{"sleep 100", false, false, "took too long and was killed", "", -1},
		{"echo 40%", true, true, "40%", "", 40},
	} {
		c := config.Check{Type: config.CheckExec, Exec: config.ExecCheck{Command: []string{"/bin/sh", "-c", tt.script}, Agent: tt.agent}}
		if strings.HasPrefix(tt.script, "sleep") {
			c.Timeout = brief
		}
		r := run(t, c)
		if want := (Result{tt.ok, tt.detail, tt.warning, tt.weight}); r != want {
			t.Errorf("%s: %+v, want %+v", tt.script, r, want)
		}
	}
}

func TestDNS(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg)
		a.SetReply(q)
		switch q.Question[0].Name {
		case "www.example.org.":
			rr, _ := dns.NewRR("www.example.org. 60 IN A 192.0.2.80")
			a.Answer = []dns.RR{rr}
		case "empty.example.org.":
		default:
			a.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(a)
	})}
	go func() { _ = server.ActivateAndServe() }()
	defer server.Shutdown()
	for _, tt := range []struct {
		query, expect string
		ok            bool
		detail        string
	}{
		{"www.example.org", "", true, "1 records"},
		{"www.example.org", `192\.0\.2\.80`, true, "192.0.2.80"},
		{"www.example.org", `192\.0\.2\.81`, false, "is not in the answer"},
		{"empty.example.org", "", false, "no A record"},
		{"none.example.org", "", false, "NXDOMAIN"},
	} {
		c := config.DNSCheck{Server: conn.LocalAddr().String(), Query: tt.query, Record: "A"}
		if tt.expect != "" {
			c.Expect = regexp.MustCompile(tt.expect)
		}
		expect1(t, tt.query, run(t, config.Check{Type: config.CheckDNS, DNS: c}), tt.ok, tt.detail)
	}
}

// lossy answers the questions that come by UDP for a name: those before the first one
// that is answered are lost, and answers come a while after their question.
func lossy(t *testing.T, lost int32, late time.Duration) (address string, asked *atomic.Int32) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int32)
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if asked.Add(1) <= lost {
			return
		}
		time.Sleep(late)
		a := new(dns.Msg)
		a.SetReply(q)
		rr, _ := dns.NewRR("www.example.org. 60 IN A 192.0.2.80")
		a.Answer = []dns.RR{rr}
		_ = w.WriteMsg(a)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return conn.LocalAddr().String(), asked
}

// TestDNSLost: a lost datagram is no failure, an answer that is slower than a part of the
// timeout is none either, and a server that never answers fails in time.
func TestDNSLost(t *testing.T) {
	const timeout = 4500 * time.Millisecond // a busy machine may be late by half of a part
	for _, tt := range []struct {
		name  string
		lost  int32
		late  time.Duration
		ok    bool
		asked int32
	}{
		{"none is lost", 0, 0, true, 1},
		{"the first is lost", 1, 0, true, 2},
		{"two are lost", 2, 0, true, 3},
		{"a late answer to the first", 0, timeout / 2, true, 2},
		{"all are lost", 100, 0, false, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, asked := lossy(t, tt.lost, tt.late)
			c := config.Check{Type: config.CheckDNS, Timeout: timeout, DNS: config.DNSCheck{Server: address, Query: "www.example.org", Record: "A"}}
			begun := time.Now()
			r := run(t, c)
			if r.OK != tt.ok || asked.Load() != tt.asked {
				t.Errorf("ok %v (%s), asked %d times; want %v, %d", r.OK, r.Detail, asked.Load(), tt.ok, tt.asked)
			}
			if took := time.Since(begun); !tt.ok && (r.Detail != "no answer in time" || took < timeout) {
				t.Errorf("%q after %v, want no answer in time after %v", r.Detail, took, timeout)
			}
		})
	}
}

// TestDNSEnds: a question ends with its context, and one to nobody at once.
func TestDNSEnds(t *testing.T) {
	address, asked := lossy(t, 100, 0)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	look := New(config.Check{Type: config.CheckDNS, DNS: config.DNSCheck{Server: address, Query: "www.example.org", Record: "A"}})
	ended := make(chan Result)
	go func() { ended <- look(ctx) }()
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case r := <-ended:
		expect1(t, "cancelled", r, false, "")
	case <-time.After(5 * time.Second):
		t.Error("it goes on")
	}
	nobody := config.DNSCheck{Server: "127.0.0.1:1", Query: "www.example.org", Record: "A"}
	expect1(t, "nobody", run(t, config.Check{Type: config.CheckDNS, DNS: nobody}), false, "connection refused")
}

func TestLinks(t *testing.T) {
	address := func(a, ifc string) config.Check {
		return config.Check{Type: config.CheckAddress, Address: config.AddressCheck{Address: netip.MustParseAddr(a), Interface: ifc}}
	}
	expect1(t, "loopback", run(t, address("127.0.0.1", "")), true, "127.0.0.1 is there")
	expect1(t, "loopback on lo", run(t, address("127.0.0.1", "lo")), true, "")
	expect1(t, "elsewhere", run(t, address("192.0.2.77", "lo")), false, "interface lo does not have 192.0.2.77")
	link := func(c config.InterfaceCheck) config.Check {
		return config.Check{Type: config.CheckInterface, Interface: c}
	}
	expect1(t, "lo", run(t, link(config.InterfaceCheck{Interface: "lo"})), true, "lo has a carrier")
	expect1(t, "no such", run(t, link(config.InterfaceCheck{Interface: "none9"})), false, "not found")
	expect1(t, "speed of lo", run(t, link(config.InterfaceCheck{Interface: "lo", MinSpeed: 10})), false, "speed of lo is not known")
}

func TestPing(t *testing.T) {
	if os.Geteuid() != 0 {
		leftout.Skip(t, "only root may open raw sockets")
	}
	ping := func(atLeast int, targets ...string) Result {
		c := config.PingCheck{AtLeast: atLeast}
		for _, a := range targets {
			c.Targets = append(c.Targets, netip.MustParseAddr(a))
		}
		return run(t, config.Check{Type: config.CheckPing, Ping: c, Timeout: 2 * time.Second})
	}
	expect1(t, "loopback", ping(1, "127.0.0.1"), true, "1 of 1 answer")
	expect1(t, "any of", ping(1, "127.0.0.1", "240.0.0.1"), true, "1 of 2 answer")
	expect1(t, "all of", ping(2, "127.0.0.1", "240.0.0.1"), false, "240.0.0.1: ")
}

func TestProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(file, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(c config.ProcessCheck) Result { return run(t, config.Check{Type: config.CheckProcess, Process: c}) }
	expect1(t, "pid file", check(config.ProcessCheck{Process: config.Process{PidFile: file}, AtLeast: 1}), true, "1 processes")
	expect1(t, "too few", check(config.ProcessCheck{Process: config.Process{PidFile: file}, AtLeast: 2}), false, "less than 2")
	expect1(t, "none", check(config.ProcessCheck{Process: config.Process{Name: "no-such-program"}, AtLeast: 1}), false, "no such process")
}

// TestProcessEnds: one that was counted before and has ended is missed, and another
// in its place is found.
func TestProcessEnds(t *testing.T) {
	begin := func() *exec.Cmd {
		cmd := exec.Command("sleep", "87.65432")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }) // it may have ended
		return cmd
	}
	look := New(config.Check{Type: config.CheckProcess, Process: config.ProcessCheck{
		Process: config.Process{Name: "sleep", Args: regexp.MustCompile(`^87\.65432$`)}, AtLeast: 1,
	}})
	cmd := begin()
	awaitOK(t, look)
	expect1(t, "again", look(t.Context()), true, "1 processes")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	expect1(t, "ended", look(t.Context()), false, "no such process")
	begin()
	awaitOK(t, look)
}

// awaitOK gives a program that has just begun the time to have its name.
func awaitOK(t *testing.T, look Func) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !look(t.Context()).OK; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not found")
		}
	}
}

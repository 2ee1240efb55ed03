package notify

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-smtp"

	"thresher/config"
)

// certificate is httptest's, for 127.0.0.1, which the whole test process trusts.
var certificate tls.Certificate

func TestMain(m *testing.M) { os.Exit(trusting(m)) }

func trusting(m *testing.M) int {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	certificate = s.TLS.Certificates[0]
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := errors.Join(os.WriteFile(file, block, 0o600), os.Setenv("SSL_CERT_FILE", file)); err != nil {
		panic(err)
	}
	return m.Run()
}

// mailbox is a mail server that keeps what it gets.
type mailbox struct {
	mu    sync.Mutex
	mails []string
}

func (b *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{box: b}, nil }

type session struct {
	box      *mailbox
	from, to string
}

func (s *session) Reset()                                      {}
func (s *session) Logout() error                               { return nil }
func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error   { s.to = to; return nil }
func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, "from "+s.from+" to "+s.to+"\n"+string(text))
	return err
}

// startMail runs a mail server, which begins TLS if secure.
func startMail(t *testing.T, secure bool) (*mailbox, string) {
	t.Helper()
	box := &mailbox{}
	s := smtp.NewServer(box)
	s.Domain = "localhost"
	if secure {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	return box, l.Addr().String()
}

func messages() []Message {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return []Message{
		{Time: at, Node: "web1", Kind: "state", Level: "warn", Message: "this node is stopped: nginx failed 3 times in 24 h", Fields: map[string]string{"state": "stopped", "old_state": "up"}},
		{Time: at, Node: "web1", Kind: "check_down", Level: "warn", Message: "check http is down"},
	}
}

// TestEmail: one mail has all messages, and goes by TLS.
func TestEmail(t *testing.T) {
	box, at := startMail(t, true)
	s := NewSender(config.Notify{Email: &config.Email{Server: at, From: "thresher@example.org", To: []string{"ops@example.org"}, TLS: "starttls"}})
	if err := s.Send(t.Context(), messages()); err != nil {
		t.Fatal(err)
	}
	box.mu.Lock()
	defer box.mu.Unlock()
	if len(box.mails) != 1 {
		t.Fatalf("%d mails", len(box.mails))
	}
	for _, want := range []string{
		"from thresher@example.org to ops@example.org\n",
		"Subject: [thresher] web1: this node is stopped: nginx failed 3 times in 24 h",
		"2026-01-02T03:04:05Z  warn   web1: check http is down",
	} {
		if text := strings.ReplaceAll(strings.ReplaceAll(box.mails[0], "\r\n ", " "), "=\r\n", ""); !strings.Contains(text, want) {
			t.Errorf("%q is not in the mail:\n%s", want, text)
		}
	}
}

// TestEmailWantsTLS: without TLS, nothing is sent unless that is wanted.
func TestEmailWantsTLS(t *testing.T) {
	box, at := startMail(t, false)
	e := config.Email{Server: at, From: "thresher@example.org", To: []string{"ops@example.org"}, TLS: "starttls"}
	if err := NewSender(config.Notify{Email: &e}).Send(t.Context(), messages()); err == nil || len(box.mails) != 0 {
		t.Errorf("%v, %d mails", err, len(box.mails))
	}
	e.TLS = "none"
	if err := NewSender(config.Notify{Email: &e}).Send(t.Context(), messages()); err != nil || len(box.mails) != 1 {
		t.Errorf("%v, %d mails", err, len(box.mails))
	}
}

func TestWebhook(t *testing.T) {
	var got []Message
	status := http.StatusNoContent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%v, %v", err, r.Header)
		}
		got = append(got, m)
		w.WriteHeader(status)
	}))
	defer server.Close()
	s := NewSender(config.Notify{Webhook: server.URL})
	if err := s.Send(t.Context(), messages()); err != nil || len(got) != 2 || got[0].Fields["old_state"] != "up" || got[1].Kind != "check_down" {
		t.Errorf("%v, %+v", err, got)
	}
	status = http.StatusBadGateway
	if err := s.Send(t.Context(), messages()); err == nil || !strings.Contains(err.Error(), "502") {
		t.Errorf("%v", err)
	}
}

// TestWebhookIsNotLedOn: a server that sends on to another address has not taken the
// message, and nothing is posted there.
func TestWebhookIsNotLedOn(t *testing.T) {
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s", r.Method, r.URL) }))
	defer inside.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		server := httptest.NewServer(http.RedirectHandler(inside.URL, status))
		defer server.Close()
		err := NewSender(config.Notify{Webhook: server.URL}).Send(t.Context(), messages())
		if err == nil || !strings.Contains(err.Error(), strconv.Itoa(status)) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestWebhookIsKeptSecret: neither its name nor its failures say more of the URL than
// scheme and host.
func TestWebhookIsKeptSecret(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	for _, address := range []string{server.URL + "/hooks/s3cret?key=s3cret", "https://host.invalid/\x7fs3cret", "https://host:s3cret/"} {
		s := NewSender(config.Notify{Webhook: address})
		err := s.Send(t.Context(), messages())
		if err == nil || strings.Contains(s.String()+err.Error(), "s3cret") {
			t.Errorf("%s: %v", s, err)
		}
	}
	if s := NewSender(config.Notify{Webhook: "https://hooks.example/s3cret"}); s.String() != "webhook https://hooks.example" {
		t.Error(s)
	}
}

func TestProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "told")
	s := NewSender(config.Notify{Command: []string{"/bin/sh", "-c", "echo $THRESHER_OLD_STATE to $THRESHER_STATE: $THRESHER_MESSAGE >> " + file}})
	if err := s.Send(t.Context(), messages()[:1]); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if want := "up to stopped: this node is stopped: nginx failed 3 times in 24 h\n"; err != nil || string(text) != want {
		t.Errorf("%v, %q", err, text)
	}
	failing := NewSender(config.Notify{Command: []string{"/bin/sh", "-c", "echo no; exit 4"}})
	if err := failing.Send(t.Context(), messages()[:1]); err == nil || err.Error() != "exit code 4: no" {
		t.Errorf("%v", err)
	}
	if failing.String() != "exec /bin/sh" { // an argument may be secret
		t.Error(failing)
	}
}

// What a server has said with zero bytes in it comes to programs without them.
func TestProgramHearsOfBinaryMessages(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out")
	p := program{[]string{"/bin/sh", "-c", `echo "$THRESHER_MESSAGE/$THRESHER_NAME" > ` + file}}
	m := Message{Kind: "check_down", Message: "status 500: a\x00b", Fields: map[string]string{"name": "c\x00d"}}
	if err := p.Send(t.Context(), []Message{m}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "status 500: ab/cd\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// fakeSender keeps what it is told, and fails as often as it should.
type fakeSender struct {
	mu    sync.Mutex
	group time.Duration
	fails int
	told  [][]Message
}

func (f *fakeSender) Group() time.Duration { return f.group }
func (f *fakeSender) String() string       { return "fake" }
func (f *fakeSender) Send(_ context.Context, m []Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails > 0 {
		f.fails--
		return errors.New("busy")
	}
	f.told = append(f.told, m)
	return nil
}

// dispatch runs a dispatcher with one sender, in a bubble.
func dispatch(t *testing.T, f *fakeSender, states bool, test func(*Dispatcher)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &Dispatcher{log: slog.New(slog.DiscardHandler), targets: []*target{{sender: f, states: states, queue: make(chan Message, queued)}}}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		test(d)
		cancel()
		<-ended
	})
}

// TestGrouped: what happens within the minute after the first goes with it.
func TestGrouped(t *testing.T) {
	f := &fakeSender{group: time.Minute}
	dispatch(t, f, false, func(d *Dispatcher) {
		for range 3 {
			d.Post(Message{Kind: "a"})
			time.Sleep(25 * time.Second)
		}
		synctest.Wait()
		if len(f.told) != 1 || len(f.told[0]) != 3 {
			t.Errorf("told %v", f.told)
		}
	})
}

// TestTriedAgain: a server that is busy gets it a little later.
func TestTriedAgain(t *testing.T) {
	f := &fakeSender{fails: 2}
	dispatch(t, f, false, func(d *Dispatcher) {
		d.Post(Message{Kind: "a"})
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if len(f.told) != 1 {
			t.Errorf("told %v", f.told)
		}
	})
}

// TestStates: a hook hears of states alone.
func TestStates(t *testing.T) {
	f := &fakeSender{}
	dispatch(t, f, true, func(d *Dispatcher) {
		d.Post(Message{Kind: "check_down"})
		d.Post(Message{Kind: "state"})
		synctest.Wait()
		if len(f.told) != 1 || f.told[0][0].Kind != "state" {
			t.Errorf("told %v", f.told)
		}
	})
}

// TestLastWords: what is gathered when the daemon goes is told yet.
func TestLastWords(t *testing.T) {
	f := &fakeSender{group: time.Minute}
	dispatch(t, f, false, func(d *Dispatcher) {
		d.Post(Message{Kind: "state"})
		time.Sleep(time.Second)
	})
	if len(f.told) != 1 {
		t.Errorf("told %v", f.told)
	}
}

// TestLeaving: what was posted before the daemon goes is told.
func TestLeaving(t *testing.T) {
	for _, group := range []time.Duration{0, time.Minute} {
		for range 20 {
			f := &fakeSender{group: group}
			dispatch(t, f, false, func(d *Dispatcher) {
				for range 5 {
					d.Post(Message{Kind: "a"})
				}
			})
			if told := slices.Concat(f.told...); len(told) != 5 {
				t.Fatalf("told %d of 5", len(told))
			}
		}
	}
}

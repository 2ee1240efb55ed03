package console

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNewClientRefusesOtherAddresses(t *testing.T) {
	for _, api := range []string{"", "unix://run/api.sock", "unix:api.sock", "http://127.0.0.1/", "unix:///%zz"} {
		var e *Error
		if _, err := NewClient(api); !errors.As(err, &e) || e.Code != CodeBadRequest || !strings.Contains(e.Cure, DefaultAPI) {
			t.Errorf("NewClient(%q): %v", api, err)
		}
	}
}

func TestClientWithoutDaemon(t *testing.T) {
	path := socketPath(t)
	c, err := NewClient("unix://" + path)
	if err != nil {
		t.Fatal(err)
	}
	wantUnreachable(t, c, "no such socket")
	leaveSocket(t, path)
	wantUnreachable(t, c, "nobody listens")
}

func wantUnreachable(t *testing.T, c *Client, says string) {
	t.Helper()
	var e *Error
	_, err := c.Status(t.Context())
	if !errors.As(err, &e) || e.Code != CodeUnreachable || !strings.Contains(e.Message, says) {
		t.Fatalf("error %v, want one that says %q", err, says)
	}
	for _, cure := range []string{"thresher run --config", "--api"} {
		if !strings.Contains(e.Cure, cure) {
			t.Errorf("cure %q does not mention %s", e.Cure, cure)
		}
	}
}

// Something else may be behind the socket. It must not pass for a daemon.
func TestClientOfAStranger(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"error page": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) },
		"other JSON": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", http.StatusForbidden) },
		"no JSON":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
		"redirect":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(filepath.Dir(socketPath(t)), "..", "stranger.sock")
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			s := &http.Server{Handler: answer}
			go func() { _ = s.Serve(l) }()
			defer s.Close()
			c, err := NewClient("unix://" + path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if status, err := c.Status(t.Context()); err == nil {
				t.Errorf("got %+v", status)
			}
		})
	}
}

func TestClientWithoutAccess(t *testing.T) {
	c, err := NewClient("unix:///run/x.sock")
	if err != nil {
		t.Fatal(err)
	}
	denied := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", os.ErrPermission)}
	var e *Error
	if err := c.unreached("/v1/status", denied); !errors.As(err, &e) || !strings.Contains(e.Cure, "group") {
		t.Errorf("error %v does not say who has access", err)
	}
}

// A socket's path alone is as good as its address.
func TestClientOfABarePath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "odd %41 name.sock")
	l, err := ListenUnix(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := NewClient(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn, err := c.http.Transport.(*http.Transport).DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

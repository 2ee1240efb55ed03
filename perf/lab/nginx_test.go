package lab

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"thresher/internal/leftout"
)

func TestNginxServesTheClient(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	p, err := n.StartNginx()
	if errors.Is(err, exec.ErrNotFound) {
		leftout.Skip(t, "nginx is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + n.Address.String()
	if got := get(t, client, netip.Addr{}, url+"/"); got != n.Name {
		t.Errorf("nginx answered %q, want %q", got, n.Name)
	}
	want, err := io.ReadAll(Download())
	if err != nil || len(want) != DownloadSize {
		t.Fatalf("%d bytes, error %v", len(want), err)
	}
	if got := get(t, client, netip.Addr{}, url+"/10m"); got != string(want) {
		t.Errorf("the download of %d bytes differs", len(got))
	}
	put(t, client, url+"/upload/file", want)
	got, err := os.ReadFile(filepath.Join(n.UploadDir(), "file"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the upload of %d bytes differs, error %v", len(got), err)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNginxSaysWhyItCannotStart(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	if _, err := l.Nodes[0].StartHTTP("0.0.0.0:80", nil); err != nil {
		t.Fatal(err)
	}
	p, err := l.Nodes[0].StartNginx()
	if errors.Is(err, exec.ErrNotFound) {
		leftout.Skip(t, "nginx is not installed")
	}
	if err == nil {
		t.Fatalf("nginx, process %d, shares the port with another server", p.Pid)
	}
	if !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("error %v does not say why", err)
	}
}

func put(t *testing.T, client *Host, url string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.HTTPClient(netip.Addr{}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("PUT %s: %s", url, answer.Status)
	}
}

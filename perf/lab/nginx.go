package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nginxConfig runs nginx in one process, with every path below its prefix.
const nginxConfig = `daemon DAEMON;
master_process off;
pid nginx.pid;
error_log error.log;
events { worker_connections 4096; }
http {
	access_log off;
	default_type application/octet-stream;
	keepalive_requests 1000000;
	client_max_body_size 0;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	server {
		listen 0.0.0.0:80 backlog=4096;
		listen [::]:80 backlog=4096;
		location = / { return 200 NAME; }
		location = /pid { return 200 $pid; }
		location = /10m { root files; }
		location /upload/ { root files; dav_methods PUT; }
	}
}
`

// DownloadSize is the size in bytes of what nginx serves at /10m.
const DownloadSize = 10 << 20

// Download is the content that nginx serves at /10m on every node:
// DownloadSize bytes that do not repeat, so that a wrong one shows.
func Download() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{}), DownloadSize)
}

// StartNginx runs nginx on port 80 of the node and waits until it answers. It
// serves the node's name at /, Download at /10m, and takes files that are PUT
// below /upload/ into UploadDir. An error that is exec.ErrNotFound means that
// nginx is not installed.
func (n *Node) StartNginx() (*Process, error) {
	binary, err := exec.LookPath("nginx")
	if err != nil {
		return nil, fmt.Errorf("lab: nginx is not installed (Debian: apt-get install nginx-light): %w", err)
	}
	dir := filepath.Join(n.Dir, "nginx")
	if err := n.writeNginx(dir, "off"); err != nil {
		return nil, fmt.Errorf("lab: prepare nginx on %s: %w", n.Name, err)
	}
	p, err := n.Start(binary, "-p", dir, "-c", "nginx.conf", "-e", "error.log")
	if err != nil {
		return nil, err
	}
	if err := n.awaitNginx(p); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

// UploadDir is where StartNginx puts files that are PUT below /upload/.
func (n *Node) UploadDir() string { return filepath.Join(n.Dir, "nginx", "files", "upload") }

// Commands start and stop a server that puts itself into the background.
type Commands struct {
	Start, Stop []string
	// PidFile has the number of the process.
	PidFile string
}

// PrepareNginx prepares what StartNginx runs, for others to start and stop: the
// node's daemon, as a service. Who has it started has to end it.
func (n *Node) PrepareNginx() (Commands, error) {
	binary, err := exec.LookPath("nginx")
	if err != nil {
		return Commands{}, fmt.Errorf("lab: nginx is not installed (Debian: apt-get install nginx-light): %w", err)
	}
	dir := filepath.Join(n.Dir, "nginx")
	if err := n.writeNginx(dir, "on"); err != nil {
		return Commands{}, fmt.Errorf("lab: prepare nginx on %s: %w", n.Name, err)
	}
	start := []string{binary, "-p", dir, "-c", "nginx.conf", "-e", "error.log"}
	return Commands{Start: start, Stop: append(slices.Clone(start), "-s", "quit"), PidFile: filepath.Join(dir, "nginx.pid")}, nil
}

func (n *Node) writeNginx(dir, daemon string) error {
	if err := os.MkdirAll(n.UploadDir(), 0o700); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "files", "10m"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, Download())
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	conf := strings.NewReplacer("NAME", n.Name, "DAEMON", daemon).Replace(nginxConfig)
	return os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(conf), 0o600)
}

// awaitNginx waits until that very process answers on port 80, not another that
// has the port already.
func (n *Node) awaitNginx(p *Process) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		pid, err := n.askPid(ctx)
		if err == nil && pid == strconv.Itoa(p.Pid) {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("lab: nginx ended on %s: %w: %s", n.Name, p.Wait(), p.Tail(1024))
		case <-ctx.Done():
			return fmt.Errorf("lab: nginx on %s does not answer: %w: %s", n.Name, errors.Join(err, ctx.Err()), p.Tail(1024))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (n *Node) askPid(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1/pid", nil)
	if err != nil {
		return "", err
	}
	answer, err := n.HTTPClient(netip.Addr{}).Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 100))
	return string(body), err
}

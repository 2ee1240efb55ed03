package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// systemdTimeout is how long a manager may take to come up.
const systemdTimeout = 30 * time.Second

// systemdDir is where a host's manager and what it runs have their sockets.
const systemdDir = "/run"

// runScript makes $1 the directory of a machine that systemd has booted (sd_booted(3)),
// with what is there on each before its packages make theirs.
const runScript = `mount -t tmpfs -o mode=0755 tmpfs "$1" && mkdir -p "$1/systemd/system" "$1/lock"`

// managerScript puts itself into a control group of its own, makes that the root of
// all that it sees, and becomes a manager. $1 is where control groups are mounted, $2
// the group.
const managerScript = `set -e
mount -t cgroup2 cgroup2 "$1"
mkdir "$1/$2"
echo $$ > "$1/$2/cgroup.procs"
exec unshare --cgroup --mount sh -e -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec /lib/systemd/systemd --user --default-standard-output=inherit --default-standard-error=inherit'`

// endScript ends all that is in the control group $1, and the group.
const endScript = `echo 1 > "$1/cgroup.kill"
for try in $(seq 100); do
	find "$1" -depth -type d -exec rmdir {} + 2>/dev/null && exit
	sleep 0.05
done
exit 1`

// Systemd is a host's service manager: the real one, as a user's, which does not set a
// machine up.
type Systemd struct {
	host  *Host
	mount string // of the control groups
	group string
}

// StartSystemd runs a manager in the host, with a /run of its own for all that is
// started there from now on: programs of that host find it as they find a machine's.
// units are texts by the units' names. It sees nothing that is mounted later. Once a host.
func (h *Host) StartSystemd(ctx context.Context, units map[string]string) (*Systemd, error) {
	dir := filepath.Join(h.Dir, "units")
	if err := writeUnits(dir, units); err != nil {
		return nil, fmt.Errorf("lab: %s: write units: %w", h.Name, err)
	}
	if _, err := h.Run(ctx, "sh", "-c", runScript, "sh", systemdDir); err != nil {
		return nil, err
	}
	s := &Systemd{host: h, mount: filepath.Join(h.Dir, "cgroup"), group: filepath.Base(filepath.Dir(h.Dir)) + "-" + h.Name}
	if err := os.Mkdir(s.mount, 0o700); err != nil {
		return nil, fmt.Errorf("lab: %s: %w", h.Name, err)
	}
	p, err := h.StartWith(ProcessOptions{Env: append(cleanEnvironment(), "XDG_RUNTIME_DIR="+systemdDir, "SYSTEMD_UNIT_PATH="+dir)},
		"sh", "-c", managerScript, "sh", s.mount, s.group)
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx, p); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	// A machine's manager lets services of all users say that they are ready.
	if _, err := h.Run(ctx, "chmod", "0777", systemdDir+"/systemd/notify"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, h.own(s)
}

// writeUnits writes units, and those that others name and that have nothing to do in a
// lab.
func writeUnits(dir string, units map[string]string) error {
	texts := maps.Clone(units)
	for _, target := range []string{"default", "basic", "sysinit", "shutdown", "network", "network-online"} {
		texts[target+".target"] = "[Unit]\nDescription=" + target + "\nDefaultDependencies=no\n"
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// await waits until the manager answers.
func (s *Systemd) await(ctx context.Context, p *Process) error {
	ctx, cancel := context.WithTimeout(ctx, systemdTimeout)
	defer cancel()
	for {
		out, err := s.Ctl(ctx, "is-system-running")
		if strings.TrimSpace(out) == "running" {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("lab: %s: systemd has ended: %s", s.host.Name, p.Tail(2048))
		case <-ctx.Done():
			return fmt.Errorf("lab: %s: systemd does not come up: %w: %s", s.host.Name, err, p.Tail(2048))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Ctl is systemctl with these arguments.
func (s *Systemd) Ctl(ctx context.Context, args ...string) (string, error) {
	out, err := s.host.Run(ctx, "env", append([]string{"XDG_RUNTIME_DIR=" + systemdDir, "systemctl", "--user"}, args...)...)
	return string(out), err
}

// Close ends the manager and all that it has started.
func (s *Systemd) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), systemdTimeout)
	defer cancel()
	_, err := s.host.Run(ctx, "sh", "-c", endScript, "sh", filepath.Join(s.mount, s.group))
	return err
}

package cluster

import (
	"context"
	"log"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// repeatInterval is how often one and the same line may be logged. A peer with
// the wrong key tries again every few seconds, and a flood of forged packets
// must not fill the disk.
const repeatInterval = 10 * time.Second

// maxLines bounds how many different lines are remembered. Beyond it, as when
// forged source addresses make every line new, all the others count as one line.
const maxLines = 256

// logAdapter is an io.Writer under memberlist's *log.Logger. It turns
// "[WARN] memberlist: ..." lines into slog records, holds repeated ones back, and
// counts those that say that a message was refused, which memberlist tells in no
// other way. That a node which has said that it leaves is not there any more is
// no news: such lines are for debugging.
type logAdapter struct {
	log     *slog.Logger
	now     func() time.Time
	refused atomic.Uint64
	closing atomic.Bool // what memberlist's sockets say of their end is no news
	// leaves says whether a line names a node that has said that it leaves; nil for none.
	leaves func(text string) bool

	mu    sync.Mutex
	lines map[string]*repeated
}

// repeated is a line that was logged and how often it was held back since.
type repeated struct {
	logged time.Time
	held   int
}

func newLogAdapter(to *slog.Logger) *logAdapter {
	return &logAdapter{log: to, now: time.Now, lines: make(map[string]*repeated)}
}

// logger returns the *log.Logger for memberlist.Config.Logger.
func (a *logAdapter) logger() *log.Logger { return log.New(a, "", 0) }

// Write takes one line, as package log promises. It never fails: a log that
// can't be written must not stop gossip.
func (a *logAdapter) Write(line []byte) (int, error) {
	level, text := parseLine(string(line))
	if a.closing.Load() && strings.Contains(text, net.ErrClosed.Error()) {
		return len(line), nil
	}
	if refusedLine(level, text) {
		a.refused.Add(1)
	} else if a.leaves != nil && lostLine(text) && a.leaves(text) {
		level = slog.LevelDebug // as was to be expected
	}
	a.emit(level, text)
	return len(line), nil
}

// emit logs the text unless it is one that was logged a moment ago.
func (a *logAdapter) emit(level slog.Level, text string, args ...any) {
	ctx := context.Background()
	if !a.log.Enabled(ctx, level) {
		return
	}
	held, due := a.due(sameLine(text))
	if !due {
		return
	}
	if held > 0 {
		args = append(args, "repeated", held)
	}
	a.log.Log(ctx, level, text, args...)
}

// due says whether the line may be logged now, and how many were held back.
func (a *logAdapter) due(key string) (held int, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if len(a.lines) >= maxLines {
		a.expire(now)
	}
	r, seen := a.lines[key]
	if !seen && len(a.lines) >= maxLines {
		r, seen = a.lines[""]
		key = ""
	}
	if !seen {
		a.lines[key] = &repeated{logged: now}
		return 0, true
	}
	if now.Sub(r.logged) < repeatInterval {
		r.held++
		return 0, false
	}
	held = r.held
	*r = repeated{logged: now}
	return held, true
}

// expire forgets the lines that may be logged again and have nothing to tell.
func (a *logAdapter) expire(now time.Time) {
	for key, r := range a.lines {
		if r.held == 0 && now.Sub(r.logged) >= repeatInterval || now.Sub(r.logged) >= 2*repeatInterval {
			delete(a.lines, key)
		}
	}
}

// fromPort is the end of memberlist's lines about a connection: the port is
// another one each time.
var fromPort = regexp.MustCompile(`(from=\S+):\d+\b`)

// sameLine returns what two lines have in common that say the same.
func sameLine(text string) string { return fromPort.ReplaceAllString(text, "$1") }

// parseLine splits memberlist's "[LEVEL] memberlist: text". Lines without a
// level are errors there ("Err: Could not set the deadline").
func parseLine(line string) (slog.Level, string) {
	line = strings.TrimSpace(line)
	level := slog.LevelError
	if rest, ok := strings.CutPrefix(line, "["); ok {
		if name, text, ok := strings.Cut(rest, "] "); ok {
			level, line = levelOf(name), text
		}
	}
	return level, strings.TrimPrefix(line, "memberlist: ")
}

func levelOf(name string) slog.Level {
	switch name {
	case "DEBUG":
		return slog.LevelDebug
	case "INFO":
		return slog.LevelInfo
	case "WARN":
		return slog.LevelWarn
	}
	return slog.LevelError // "ERR" and "ERROR"
}

// refusedLine says whether memberlist wrote the line because it refused a
// message: wrong key, no key where one is wanted or the other way round, or
// another label (net.go: ingestPacket, handleConn, readStream, v0.7.0). Debug
// lines are about this node's own attempts.
//
// A node without a key can't tell an encrypted packet from garbage; it notices
// encrypted streams only.
func refusedLine(level slog.Level, text string) bool {
	if level == slog.LevelDebug {
		return false
	}
	for _, part := range []string{
		"Decrypt packet failed",
		"could decrypt the message",
		"remote state is encrypted and encryption is not configured",
		"encryption is configured but remote state is not encrypted",
		"with unacceptable label",
	} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

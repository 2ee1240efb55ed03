package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Fault is something that is wrong with the switch until Heal. Close of the lab
// ends it too. Each is a table of nftables of its own in the switch's namespace,
// so that healing one leaves the others alone.
type Fault struct {
	sw    *Host
	table string // its family and name
	once  sync.Once
	err   error
}

// inject loads a table with one chain into the switch. hook is the chain's
// hook, rules its lines.
func (l *Lab) inject(ctx context.Context, family, hook string, rules []string) (*Fault, error) {
	f := &Fault{sw: l.Switch, table: fmt.Sprintf("%s fault%d", family, l.faults.Add(1))}
	script := fmt.Sprintf("table %s {\n\tchain faults {\n\t\ttype filter hook %s priority 0;\n\t\t%s\n\t}\n}\n",
		f.table, hook, strings.Join(rules, "\n\t\t"))
	if _, err := l.Switch.nft(ctx, script); err != nil {
		return nil, err
	}
	return f, nil
}

// nft runs a script of nft(8) in the host's namespace: all of it, or nothing.
func (h *Host) nft(ctx context.Context, script string) ([]byte, error) {
	cmd := h.command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	return h.run(ctx, cmd)
}

// Heal ends the fault. It may be called more than once, and after Close.
func (f *Fault) Heal() error {
	f.once.Do(func() {
		_, err := f.sw.nft(context.Background(), "delete table "+f.table+"\n")
		if !errors.Is(err, ErrClosed) {
			f.err = err
		}
	})
	return f.err
}

// counted finds the packets of a rule's counter in what nft lists.
var counted = regexp.MustCompile(`counter packets (\d+) `)

// Dropped is how many frames the fault has swallowed. A test that injects one
// looks, or it may have tested nothing.
func (f *Fault) Dropped(ctx context.Context) (int, error) {
	out, err := f.sw.nft(ctx, "list table "+f.table+"\n")
	if err != nil {
		return 0, err
	}
	return sumCounters(out)
}

func sumCounters(listing []byte) (total int, err error) {
	found := counted.FindAllSubmatch(listing, -1)
	if len(found) == 0 {
		return 0, fmt.Errorf("lab: nft lists no counter: %s", bytes.TrimSpace(listing))
	}
	for _, f := range found {
		n, err := strconv.Atoi(string(f[1]))
		if err != nil {
			return 0, fmt.Errorf("lab: read nft's counter: %w", err)
		}
		total += n
	}
	return total, nil
}

package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"thresher/config"
	"thresher/console/setup"
)

// initPage is init as its page in a browser has it. Each try begins with what the
// flags have given.
type initPage struct {
	given   initial
	answers initial        // those that were written
	written config.Initial // what came of them
}

var _ setup.Init = (*initPage)(nil)

// inBrowser asks in a browser, and goes on as after a terminal.
func (i *initial) inBrowser(cmd *cobra.Command) error {
	l, err := setup.Listen(i.web)
	if err != nil {
		return &usageError{fmt.Errorf("--web: %w", err)}
	}
	p := &initPage{given: *i}
	s := setup.New(p)
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "Open in a browser on this machine, once:  %s\n", s.URL(l)); err != nil {
		return err
	}
	if err := s.Serve(cmd.Context(), l); err != nil {
		return err
	}
	return p.answers.tell(cmd, p.written)
}

// Questions are those of the terminal, with what this machine has to choose from.
func (p *initPage) Questions() (list []setup.Question) {
	i := p.given
	interfaces, addresses := choices()
	for _, q := range i.asked() {
		switch q.Flag {
		case "interface":
			q.Choices = interfaces
		case "bind":
			q.Choices = addresses
		}
		list = append(list, q.Question)
	}
	return list
}

// choices are the interfaces of this machine that others can be reached by, and its
// addresses on them.
func choices() (interfaces, addresses []string) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, nil // they can be typed all the same
	}
	for _, one := range all {
		own := prefixes(one)
		if len(own) > 0 {
			interfaces = append(interfaces, one.Name)
		}
		for _, prefix := range own {
			addresses = append(addresses, prefix.Addr().String())
		}
	}
	return interfaces, addresses
}

// answered is init with the answers, and the configuration that comes of them.
func (p *initPage) answered(answers map[string]string) (initial, config.Initial, error) {
	i := p.given
	for _, q := range i.asked() {
		if answer, ok := answers[q.Flag]; ok {
			q.take(strings.TrimSpace(answer))
		}
	}
	c, err := i.plan()
	return i, c, err
}

// Plan is setup.Init's.
func (p *initPage) Plan(answers map[string]string) (setup.Plan, error) {
	i, c, err := p.answered(answers)
	next := []string{"thresher invite"}
	if !i.run {
		next = append([]string{"thresher check --config " + i.config, "thresher run --config " + i.config}, next...)
	}
	return setup.Plan{Text: string(c.Text()), Files: []string{i.config, i.key}, Next: next}, err
}

// Write is setup.Init's.
func (p *initPage) Write(answers map[string]string) error {
	i, c, err := p.answered(answers)
	if err != nil {
		return err
	}
	if err := i.put(c); err != nil {
		return err
	}
	p.answers, p.written = i, c
	return nil
}

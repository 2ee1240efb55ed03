package demo

import (
	"context"
	"fmt"

	"thresher/perf/lab"
)

// hold keeps the farm up to play with, until ctx ends.
func (d *demo) hold(ctx context.Context) error {
	// A process in the client's network is what others can enter it by.
	door, err := d.lab.Clients[0].Start("sleep", "infinity")
	if err != nil {
		return err
	}
	first := d.lab.Nodes[0]
	_, err = fmt.Fprintf(d.Out, `
The farm stays up until you interrupt this (Ctrl-C). In another terminal, as root:

  A client's request:   nsenter -t %[1]d -n curl http://%[2]s/
  The whole farm:       %[3]s --api unix://%[4]s status --farm --watch
  Drain a node:         %[3]s --api unix://%[4]s drain --node %[5]s
  Have it back:         %[3]s --api unix://%[4]s start --node %[5]s
  Where a client goes:  %[3]s --api unix://%[4]s where %[6]s

`, door.Pid, lab.VIP(), d.Binary, first.Socket(), d.lab.Nodes[1].Name, d.lab.Clients[0].Address)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

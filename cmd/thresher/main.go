// Command thresher is the farm's daemon and the tool that talks to it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprint(os.Stderr, errorText(err))
	}
	os.Exit(exitCode(err))
}

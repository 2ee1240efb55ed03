// Command guest is the first process of a virtual machine of perf/vm. It mounts
// what programs expect, loads the modules of its initramfs, and runs what the
// tests ask for (perf/vm/call) until the machine is switched off.
//
// On a machine with a disk it makes the disk the root, whose first process takes over,
// and is started again there as "guest answer" to do what the tests ask for.
//
// Started again as "init serve NAME" it is the machine's servers, as "init echo" one of
// them, as "init upload URL BYTES" a client that sends the server so much, and holds that it arrived.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "serve":
		fail(serve(os.Args[2]))
	case len(os.Args) == 4 && os.Args[1] == "upload":
		fail(upload(os.Args[2], os.Args[3]))
		return
	case len(os.Args) == 2 && os.Args[1] == "echo":
		fail(echo())
	case len(os.Args) == 2 && os.Args[1] == "answer":
		answerAlways()
	}
	fail(boot())
	fail(switchRoot())
	answerAlways()
}

// answerAlways does what the tests ask for until the machine is switched off.
func answerAlways() {
	for {
		if err := answer(); err != nil {
			fmt.Fprintln(os.Stderr, "guest:", err)
		}
		time.Sleep(50 * time.Millisecond) // The tests have not opened the port yet.
	}
}

// fail ends the process, and so the machine, where nothing can go on.
func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

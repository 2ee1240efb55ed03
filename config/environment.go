package config

import (
	"slices"
	"strings"
)

// own are the THRESHER_ variables that set no key: what the program and its children
// tell each other.
var own = []string{
	"THRESHER_API",                                // the daemon that the commands ask
	"THRESHER_HANDOVER_FD", "THRESHER_PREPARE_FD", // from the daemon's process before
	"THRESHER_SERVICE",                                                     // of a service's commands
	"THRESHER_NODE", "THRESHER_KIND", "THRESHER_LEVEL", "THRESHER_MESSAGE", // of a program that is notified
}

// others are prefixes of what this program's tests give each other, and of what
// Kubernetes makes of a service called thresher.
var others = []string{"THRESHER_TEST_", "THRESHER_SERVICE_", "THRESHER_PORT"}

// isForeign tells whether a THRESHER_ variable that sets no key may be there.
func isForeign(name string, all map[string]string) bool {
	// A program that is notified has the event's fields, whatever they are.
	_, notified := all["THRESHER_KIND"]
	return notified || slices.Contains(own, name) ||
		slices.ContainsFunc(others, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

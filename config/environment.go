package config

import "strings"

// isForeign tells whether a THRESHER_ variable that sets no key may be there: the
// program's own, those that its children get, and those that others make of its name.
func isForeign(name string, all map[string]string) bool {
	switch name {
	case "THRESHER_API", // the daemon that the commands ask
		"THRESHER_HANDOVER_FD", "THRESHER_PREPARE_FD", // from the daemon's process before
		"THRESHER_SERVICE",                                                     // of a service's commands
		"THRESHER_NODE", "THRESHER_KIND", "THRESHER_LEVEL", "THRESHER_MESSAGE", // of a program that is notified
		"THRESHER_LAB_ECHO", "THRESHER_TEST_ADDRESS", "THRESHER_TEST_CONSOLE", "THRESHER_TEST_PORT", "THRESHER_TEST_PROGRAM", "THRESHER_VM_CACHE", "THRESHER_VM_MIRROR": // of tests
		return true
	}
	// A program that is notified has the event's fields, whatever they are.
	if _, notified := all["THRESHER_KIND"]; notified {
		return true
	}
	// Kubernetes makes these of a service called thresher.
	return strings.HasPrefix(name, "THRESHER_SERVICE_") || strings.HasPrefix(name, "THRESHER_PORT")
}

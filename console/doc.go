// Package console is how people and programs talk to a running daemon: the
// values it reports, the log of what happened, the HTTP API on the unix socket
// that serves both, the Go client of that API, the console's pages, and their rendering as text.
//
// The package knows nothing of how a farm works. The daemon hands it a Farm and
// a Log; everything that leaves through the API is a plain value of this
// package.
//
// What it answers is described in openapi.json. By the unix socket whoever can open
// it may do everything; people and tools elsewhere come in by HTTPS with a role
// (package access); the farm's nodes ask one another by certificates that the
// farm's key makes (package trust). The pages in web are served as they are there.
//
// Every failure is an Error, rendered as one JSON object. What is no proper HTTP request
// net/http refuses itself, in plain text, and has no hook for it (golang.org/issue/21548).
package console

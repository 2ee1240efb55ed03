// Package console is how people and programs talk to a running daemon: the
// values it reports, the log of what happened, the HTTP API on the unix socket
// that serves both, the Go client of that API, and their rendering as text.
//
// The package knows nothing of how a farm works. The daemon hands it a Farm and
// a Log; everything that leaves through the API is a plain value of this
// package.
//
//	GET  /v1/status                           Status
//	GET  /v1/where?client=ADDR&port=P&rule=R  Where
//	GET  /v1/events?since=SEQ                 []Event, oldest first
//	GET  /v1/events?follow=1&since=SEQ        server-sent events, id = Event.Seq
//	POST /v1/node/start                       204
//	POST /v1/node/drain?deadline_ms=N         204
//	POST /v1/node/restart                     202; the events tell its end
//	POST /v1/node/stop                        204
//
// Every failure is an Error, rendered as one JSON object.
package console

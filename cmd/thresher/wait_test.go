package main

import (
	"testing"

	"thresher/console"
)

func TestStateIsWaitedForWhole(t *testing.T) {
	running, ended := []console.Service{{State: "up"}}, []console.Service{{State: "stopped"}}
	for name, tc := range map[string]struct {
		status console.Status
		wanted console.NodeState
		want   bool
	}{
		"up, and not confirmed":  {console.Status{State: console.Up}, console.Up, false},
		"up, with a lease":       {console.Status{State: console.Up, Lease: &console.Lease{}}, console.Up, true},
		"up, and fenced":         {console.Status{State: console.Up, Fenced: "a minority"}, console.Up, true},
		"up, behind a balancer":  {console.Status{State: console.Up, BehindBalancer: true}, console.Up, true},
		"starting":               {console.Status{State: console.Starting, Lease: &console.Lease{}}, console.Up, false},
		"stopped, service runs":  {console.Status{State: console.Stopped, Services: running}, console.Stopped, false},
		"stopped, service ended": {console.Status{State: console.Stopped, Services: ended}, console.Stopped, true},
		"draining":               {console.Status{State: console.Draining}, console.Draining, true},
	} {
		if got := has(tc.status, tc.wanted); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

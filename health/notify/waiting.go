package notify

import (
	"reflect"
	"slices"

	"thresher/config"
)

// Waiting are messages that one of those who are notified has not been told yet.
type Waiting struct {
	To       config.Notify
	Messages []Message
}

// Waiting is for the process that goes on in the place of this one, which can be at any
// moment. What is being delivered is among it: who is told twice has missed nothing.
func (d *Dispatcher) Waiting() (list []Waiting) {
	for _, t := range d.targets {
		t.mu.Lock()
		if len(t.waiting) > 0 {
			list = append(list, Waiting{t.to, slices.Clone(t.waiting)})
		}
		t.mu.Unlock()
	}
	return list
}

// Resume takes on what waited in the process before. Whom the configuration does not
// name as it did, nothing is told.
func (d *Dispatcher) Resume(list []Waiting) {
	for _, w := range list {
		i := slices.IndexFunc(d.targets, func(t *target) bool { return reflect.DeepEqual(t.to, w.To) })
		if i < 0 {
			continue
		}
		for _, m := range w.Messages {
			d.post(d.targets[i], m)
		}
	}
}

package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thresher/console"
)

// Nodes that tell a moment later that they are alike are waited for; those that never do
// are named, with where to look.
func TestAlikeAfterAChangeOfAll(t *testing.T) {
	differing := console.Status{Node: "web1", ConfigDigest: "1", Nodes: []console.Node{{Name: "web1", ConfigDigest: "1"}, {Name: "web3", ConfigDigest: "2"}}}
	for _, tt := range []struct {
		name  string
		after time.Duration // when they are alike
		err   error         // of asking
		want  string
	}{
		{"later", 2 * time.Second, nil, ""},
		{"never", time.Hour, nil, "web3 still differs from web1: compare the key files"},
		{"not known", time.Hour, errors.New("no daemon"), "is not known: no daemon"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				tick := time.NewTicker(trialPoll)
				defer tick.Stop()
				begin := time.Now()
				err := alike(ctx, func(context.Context) (console.Status, error) {
					if time.Since(begin) >= tt.after {
						return console.Status{Node: "web1"}, nil
					}
					return differing, tt.err
				}, tick.C)
				if tt.want == "" && (err != nil || time.Since(begin) != tt.after) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("after %v: %v, want %q", time.Since(begin), err, tt.want)
				}
			})
		})
	}
}

package arp

import "testing"

func TestEveryReasonHasANameOfItsOwn(t *testing.T) {
	seen := map[string]Reason{}
	for r := range numReasons {
		name := r.String()
		if other, dup := seen[name]; dup || name == "" || name == "unknown" {
			t.Errorf("reason %d is called %q, as is %d", r, name, other)
		}
		seen[name] = r
	}
	if got := numReasons.String(); got != "unknown" {
		t.Errorf("a reason that does not exist is called %q", got)
	}
}

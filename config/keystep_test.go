package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestKeyID(t *testing.T) {
	a, b := KeyID([32]byte{1}), KeyID([32]byte{2})
	if len(a) != 16 || a == b || strings.Contains(a, "0100") || KeyID([32]byte{}) != "" {
		t.Errorf("%q, %q", a, b)
	}
}

// Every step from every standing: there, and back.
func TestKeySteps(t *testing.T) {
	old, fresh, third := [32]byte{1}, [32]byte{2}, [32]byte{3}
	hash := HashKey{Multilinear, [16]byte{9}}
	standings := map[string]Keys{
		"old":    {Gossip: old, Hash: hash},
		"added":  {Gossip: old, Next: fresh, Hash: hash},
		"used":   {Gossip: fresh, Before: old, Hash: hash},
		"new":    {Gossip: fresh, Hash: hash},
		"other":  {Gossip: old, Next: third, Hash: hash},
		"behind": {Gossip: third, Hash: hash},
	}
	want := map[string]map[KeyStep]string{
		"old":    {KeyAdd: "added", KeyUse: "", KeyDrop: "", KeyBack: "old", KeyForget: "old"},
		"added":  {KeyAdd: "added", KeyUse: "used", KeyDrop: "", KeyBack: "added", KeyForget: "old"},
		"used":   {KeyAdd: "used", KeyUse: "used", KeyDrop: "new", KeyBack: "added", KeyForget: ""},
		"new":    {KeyAdd: "new", KeyUse: "new", KeyDrop: "new", KeyBack: "", KeyForget: ""},
		"other":  {KeyAdd: "", KeyUse: "", KeyDrop: "", KeyBack: "other", KeyForget: "other"},
		"behind": {KeyUse: "", KeyDrop: "", KeyBack: "behind", KeyForget: "behind"},
	}
	for from, steps := range want {
		for step, to := range steps {
			got, err := standings[from].Step(step, KeyID(fresh), fresh)
			if to == "" {
				if !errors.Is(err, errKeyStep) || got != standings[from] {
					t.Errorf("%s of %s: %v", step, from, err)
				}
			} else if err != nil || got != standings[to] {
				t.Errorf("%s of %s is not %s: %v", step, from, to, err)
			}
		}
	}
	for what, bad := range map[string]struct {
		step KeyStep
		id   string
		key  [32]byte
	}{"no step": {"turn", KeyID(fresh), fresh}, "no id": {KeyAdd, "", [32]byte{}}, "another key": {KeyAdd, KeyID(fresh), third}, "no key": {KeyAdd, KeyID(fresh), [32]byte{}}} {
		if _, err := standings["old"].Step(bad.step, bad.id, bad.key); !errors.Is(err, errKeyStep) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := standings["used"].Accepted(); !slices.Equal(got, [][32]byte{fresh, old}) {
		t.Errorf("%d keys are believed", len(got))
	}
}

// What a key file says of a farm that changes its key is what was written.
func TestKeyFileOfAChange(t *testing.T) {
	k := testKeys()
	for _, step := range []KeyStep{KeyAdd, KeyUse, KeyDrop} {
		var err error
		if k, err = k.Step(step, KeyID([32]byte{2}), [32]byte{2}); err != nil {
			t.Fatal(err)
		}
		if got, err := parseKeys("k", FormatKeys(k)); err != nil || got != k {
			t.Errorf("after %s: %v", step, err)
		}
	}
}

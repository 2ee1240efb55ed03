package cluster

import (
	"bytes"
	"errors"
	"testing"
)

// A farm goes to another key and nobody is missed; then the old one opens nothing.
func TestChangeOfKeys(t *testing.T) {
	old, fresh := [32]byte(bytes.Repeat([]byte{7}, 32)), [32]byte{8}
	a := startNode(t, "a", "127.0.0.31", nil)
	b := startNode(t, "b", "127.0.0.32", joinTo(a))
	mustJoin(t, a, b)
	for _, keys := range [][][32]byte{{old, fresh}, {fresh, old}, {fresh}} {
		for _, n := range []*node{a, b} {
			if err := n.SetKeys(keys...); err != nil {
				t.Fatal(err)
			}
			for i, other := range []*node{b, a} {
				up := Meta{Phase: Up, Digest: uint64(len(keys)*10 + i), Weights: []uint8{1}}
				if err := other.SetMeta(up); err != nil {
					t.Fatal(err)
				}
				name := []string{"b", "a"}[i]
				[]*node{a, b}[i].await(t, "news under the keys of now", func(m []Member) bool { return find(m, name).Meta.Digest == up.Digest })
			}
		}
		late := startNode(t, "late", "127.0.0.33", func(c *Config) {
			joinTo(a)(c)
			c.Key, c.Also = keys[0][:], nil
			for _, key := range keys[1:] {
				c.Also = append(c.Also, key[:])
			}
		})
		mustJoin(t, late)
		if err := errors.Join(late.Leave(10e9), late.Shutdown()); err != nil {
			t.Fatal(err)
		}
	}
	stranger := startNode(t, "stranger", "127.0.0.34", joinTo(a))
	if err := mustFailToJoin(t, stranger); !errors.Is(err, ErrRefused) {
		t.Errorf("with the old key: %v", err)
	}
	if err := a.SetKeys(); err == nil {
		t.Error("no key is taken")
	}
}

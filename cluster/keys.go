package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// SetKeys gossips under the first key from now on, and believes all of them and no
// other. It fails on a node that gossips in clear, and without a key.
//
// What is on its way at that moment under a key that is gone is refused and counted;
// gossip says it again.
func (c *Cluster) SetKeys(keys ...[32]byte) error {
	if c.keyring == nil || len(keys) == 0 {
		return errors.New("change the gossip key: there is none")
	}
	var errs []error
	for _, key := range keys {
		errs = append(errs, c.keyring.AddKey(slices.Clone(key[:])))
	}
	errs = append(errs, c.keyring.UseKey(keys[0][:]))
	for _, old := range c.keyring.GetKeys() {
		if !slices.ContainsFunc(keys, func(key [32]byte) bool { return bytes.Equal(key[:], old) }) {
			errs = append(errs, c.keyring.RemoveKey(old))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("change the gossip key: %w", err)
	}
	return nil
}

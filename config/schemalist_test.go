package config

import (
	"slices"
	"testing"
)

func TestSchemaHasEveryKey(t *testing.T) {
	keys := SchemaKeys()
	for _, want := range []SchemaKey{
		{"node.name", "text"}, {"vips[].address", "text"}, {"rules[].ports", "one value or a list"}, {"rules[].sticky", "duration, such as 3s"}, {"rules[].prefix.v4", "number"},
		{"cluster.insecure", "true or false"}, {"datapath.queues", "one value or a list"}, {"checks[].interval", "duration, such as 3s"}, {"api.tls.cert", "text"},
	} {
		if !slices.Contains(keys, want) {
			t.Errorf("%+v is missing", want)
		}
	}
}

package config

import (
	"strings"
	"testing"
)

func TestForeignVariables(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		says string // "" for none
	}{
		{[]string{"THRESHER_API=unix:///x", "THRESHER_SERVICE=nginx", "THRESHER_HANDOVER_FD=3", "THRESHER_PREPARE_FD=4"}, ""},
		{[]string{"THRESHER_KIND=check", "THRESHER_NODE=web1", "THRESHER_OLD_STATE=up"}, ""},
		{[]string{"THRESHER_SERVICE_HOST=10.0.0.1", "THRESHER_PORT_9453_TCP=tcp://10.0.0.1:9453", "THRESHER", ""}, ""},
		{[]string{"THRESHER_OLD_STATE=up"}, "environment THRESHER_OLD_STATE: sets no key: unset it"},
		{[]string{"THRESHER_FOO=1"}, "environment THRESHER_FOO: sets no key: unset it"},
		{[]string{"THRESHER_FOO="}, "environment THRESHER_FOO: sets no key: unset it"},
		{[]string{"THRESHER_RULES=x"}, "environment THRESHER_RULES: sets no key: unset it"},
		{[]string{"THRESHER_NODE_NAME="}, "environment THRESHER_NODE_NAME: is empty: give it a value, or unset it"},
		{[]string{"THRESHER_NODE_NAM=a"}, "environment THRESHER_NODE_NAM: sets no key: did you mean THRESHER_NODE_NAME?"},
	} {
		_, err := Parse("f.yaml", []byte(goodFile), Options{Env: tt.env})
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.says)) {
			t.Errorf("%q: %v, want %q", tt.env, err, tt.says)
		}
	}
}

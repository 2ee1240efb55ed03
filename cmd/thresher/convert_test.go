package main

import (
	"path/filepath"
	"strings"
	"testing"
)

const conversions = "../../config/convert/testdata/"

// What comes out goes to standard output, what has no counterpart to standard error.
func TestConvert(t *testing.T) {
	file := filepath.FromSlash(conversions + "safekit/two.xml")
	stdout, stderr, code := thresher(t.Context(), "convert", "safekit", file, "--node", "web1", "--bind", "192.0.2.11", "--join", "192.0.2.12,192.0.2.13")
	if code != exitDone || !strings.Contains(stdout, "  name: web1\n") || !strings.Contains(stdout, "join: [192.0.2.12, 192.0.2.13]") {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
	if !strings.Contains(stderr, file+":10: arpreroute: ") {
		t.Errorf("no line of the file in\n%s", stderr)
	}
}

func TestConvertRefuses(t *testing.T) {
	file := filepath.FromSlash(conversions + "keepalived/nat.conf")
	for _, tt := range []struct{ line, says string }{
		{"convert", "say what to convert"},
		{"convert haproxy x", `nothing converts "haproxy"`},
		{"convert nlb", "convert nlb --help"},
		{"convert nlb nowhere", "nowhere"},
		{"convert keepalived " + file, "--bind"},
		{"convert keepalived " + file + " --bind web1", "--bind 192.0.2.11"},
		{"convert keepalived " + file + " --join web1", "--join 192.0.2.12"},
		{"convert safekit " + file + " --bind 192.0.2.11", file + ":"},
	} {
		stdout, stderr, code := thresher(t.Context(), strings.Fields(tt.line)...)
		if code != exitUsage || stdout != "" || !strings.Contains(stderr, tt.says) {
			t.Errorf("thresher %s: exit %d, %q, %q", tt.line, code, stdout, stderr)
		}
	}
}

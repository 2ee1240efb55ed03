package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// badCase is an edit of goodFile, old and new texts in turn, and the whole
// error without the file's name in front of each line.
type badCase struct {
	name string
	edit []string
	want string
}

func checkBad(t *testing.T, tests []badCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse("f.yaml", []byte(with(t, tt.edit...)), noEnv())
			if err == nil || c != nil {
				t.Fatalf("accepted: %+v, %v", c, err)
			}
			want := "f.yaml:" + strings.ReplaceAll(tt.want, "\n", "\nf.yaml:")
			if diff := cmp.Diff(want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// Problems of all kinds come together, in the order of the file, and a problem
// draws no others after it.
func TestBadTogether(t *testing.T) {
	checkBad(t, []badCase{{"mixed", []string{
		"name: web1", "name: web 1", "{address: 192.0.2.100}", "{address: www}",
		"[80, 443]", "[80, 0], weigth: 5, vip: 192.0.2.9", "udp", "tpc", "bind: 192.0.2.11", "bnid: 192.0.2.11"},
		"1: node.name: \"web 1\" has other characters than a name may have: use letters, digits, dots, dashes and underscores, beginning with a letter or digit\n" +
			"4: vips[0].address: \"www\" is no IP address: write it as in 192.0.2.100 or 2001:db8::100, without prefix length and port\n" +
			"6: rules[0].ports[1]: port 0 is out of range: use 1 to 65535\n" +
			"6: rules[0].weigth: unknown key `weigth`: did you mean `weight`?\n" +
			"7: rules[1].protocol: \"tpc\" is no protocol: use tcp or udp\n" +
			"9: cluster.bnid: unknown key `bnid`: did you mean `bind`?"}})
}

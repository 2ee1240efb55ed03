package config

import (
	"testing"
)

func TestBadPorts(t *testing.T) {
	const cure = `use a number from 1 to 65535, or a range such as "8000-8010"`
	const at = "7: rules[1].ports[0]: "
	for _, tt := range []struct{ ports, want string }{
		{"70000", at + "port 70000 is out of range: use 1 to 65535"},
		{"0", at + "port 0 is out of range: use 1 to 65535"},
		{"-1", at + "port -1 is out of range: use 1 to 65535"},
		{`"1-65536"`, at + "port 65536 is out of range: use 1 to 65535"},
		{"9-8", at + "the range 9-8 runs backwards: write 8-9"},
		{"http", at + `"http" is no port: ` + cure},
		{`""`, at + `"" is no port: ` + cure},
		{`"80-"`, at + `"80-" is no port: ` + cure},
		{`"1-2-3"`, at + `"1-2-3" is no port: ` + cure},
		{`"80, 443"`, at + `"80, 443" is no port: ` + cure},
		{"8e1", at + `"80" is no port: ` + cure},
		{"99999999999999999999999", at + `"100000000000000000000000" is no port: ` + cure},
		{"[53]", at + "is not a single value: write one value in each entry of the list"},
		{`"90 - 95"`, at + `"90 - 95" is no port: use a number from 1 to 65535, or a range such as "8000-8010"`},
		{"", "7: rules[1].ports: is empty: give the ports served, such as [80, 443]"},
		{"53, 53", "7: rules[1].ports: port 53 stands twice: give each port once"},
		{`100, "90-110"`, "7: rules[1].ports: port 100 stands twice: give each port once"},
	} {
		checkBad(t, []badCase{{tt.ports, []string{"[53]", "[" + tt.ports + "]"}, tt.want}})
	}
}

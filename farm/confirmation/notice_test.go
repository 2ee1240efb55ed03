package confirmation

import (
	"slices"
	"testing"

	"thresher/cluster/confirm"
)

// TestChangedBy: what a notice says of a member is foreseen, and nothing else.
func TestChangedBy(t *testing.T) {
	a, b, c := confirm.Member{Name: "a", Meta: "1"}, confirm.Member{Name: "b", Meta: "2"}, confirm.Member{Name: "c", Meta: "3"}
	for _, tt := range []struct {
		name   string
		warned []change
		want   []confirm.Member
		new    bool
	}{
		{"no notice", nil, []confirm.Member{a, b, c}, false},
		{"one that says what is known", []change{{name: "b", meta: "2"}}, []confirm.Member{a, b, c}, false},
		{"one of who is no member", []change{{name: "d", meta: "9"}}, []confirm.Member{a, b, c}, false},
		{"other weights", []change{{name: "b", meta: "7"}}, []confirm.Member{a, {Name: "b", Meta: "7"}, c}, true},
		{"one leaves", []change{{name: "b", meta: "2", leaves: true}}, []confirm.Member{a, c}, true},
		{"one leaves, one has other weights", []change{{name: "c", meta: "8"}, {name: "a", leaves: true}}, []confirm.Member{b, {Name: "c", Meta: "8"}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			members := []confirm.Member{a, b, c}
			got, changed := changedBy(members, tt.warned)
			if !slices.Equal(got, tt.want) || changed != tt.new {
				t.Errorf("%v, %v; want %v, %v", got, changed, tt.want, tt.new)
			}
			if !slices.Equal(members, []confirm.Member{a, b, c}) {
				t.Error("the view itself was changed")
			}
		})
	}
}

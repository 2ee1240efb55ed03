package console

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The example of DESIGN §9 must go into Status without a key left over, and come
// out as it went in, but for what is always added.
func TestStatusIsDesignsExample(t *testing.T) {
	example, err := os.ReadFile("testdata/design9.json")
	if err != nil {
		t.Fatal(err)
	}
	strict := json.NewDecoder(bytes.NewReader(example))
	strict.DisallowUnknownFields()
	var s Status
	if err := strict.Decode(&s); err != nil {
		t.Fatalf("the example does not fit: %v", err)
	}
	want := tree(t, example)
	want["datapath"].(map[string]any)["reasons"] = map[string]any{}
	want["datapath"].(map[string]any)["xsk"] = map[string]any{
		"rx_dropped": 0.0, "rx_invalid_descs": 0.0, "tx_invalid_descs": 0.0,
		"rx_ring_full": 0.0, "rx_fill_ring_empty_descs": 0.0, "tx_ring_empty_descs": 0.0,
	}
	want["datapath"].(map[string]any)["opened"] = 0.0
	want["rules"].([]any)[0].(map[string]any)["weight"] = 0.0
	if diff := cmp.Diff(want, tree(t, marshal(t, s))); diff != "" {
		t.Errorf("encoded anew (-want +got):\n%s", diff)
	}
}

func TestEmptyStatusHasEveryList(t *testing.T) {
	got := tree(t, marshal(t, Status{Nodes: []Node{{Name: "web1"}}}))
	for _, key := range []string{"rules", "vips", "checks", "services"} {
		if list, ok := got[key].([]any); !ok || len(list) != 0 {
			t.Errorf("%s = %v, want an empty list", key, got[key])
		}
	}
	node := got["nodes"].([]any)[0].(map[string]any)
	if diff := cmp.Diff(map[string]any{"name": "web1", "state": "", "address": "", "shares": map[string]any{}}, node); diff != "" {
		t.Errorf("node (-want +got):\n%s", diff)
	}
	for _, key := range []string{"reason", "cluster"} {
		if v, ok := got[key]; ok {
			t.Errorf("%s = %v, want it left out", key, v)
		}
	}
}

func TestMarshalLeavesTheStatusAlone(t *testing.T) {
	s := Status{Nodes: []Node{{Name: "web1"}}}
	marshal(t, s)
	if s.Nodes[0].Shares != nil {
		t.Error("encoding gave the caller's own node a map")
	}
}

func TestFullStatusSurvivesJSON(t *testing.T) {
	want := farmOfThree()
	var got Status
	if err := json.Unmarshal(marshal(t, want), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameAddr)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestViewIDText(t *testing.T) {
	for _, tt := range []struct {
		id   ViewID
		text string
	}{
		{0, "0000000000000000"},
		{0xab, "00000000000000ab"},
		{math.MaxUint64, "ffffffffffffffff"},
	} {
		if got := tt.id.String(); got != tt.text {
			t.Errorf("ViewID(%d) = %s, want %s", uint64(tt.id), got, tt.text)
		}
		var back ViewID
		if err := back.UnmarshalText([]byte(tt.text)); err != nil || back != tt.id {
			t.Errorf("%s read back as %d, %v", tt.text, uint64(back), err)
		}
	}
	for _, bad := range []string{"", "9f", "00000000000000abc", "000000000000000g", "+00000000000000a"} {
		var id ViewID
		if err := id.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, id)
		}
	}
}

func marshal(t *testing.T, s Status) []byte {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func tree(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

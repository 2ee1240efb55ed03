package cluster

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAssignSingle(t *testing.T) {
	for _, tt := range []struct {
		name    string
		names   []string
		weights []uint8
		want    uint8
	}{
		{"nobody there", nil, nil, NoOwner},
		{"nobody in the line", []string{"a", "b"}, []uint8{0, 0}, NoOwner},
		{"the greatest", []string{"a", "b", "c"}, []uint8{50, 51, 1}, 1},
		{"of equals the smallest name", []string{"c", "a", "b"}, []uint8{50, 50, 50}, 1},
		{"the second when the first is out", []string{"a", "b", "c"}, []uint8{0, 51, 100}, 2},
		{"fewer weights than names", []string{"a", "b"}, []uint8{3}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := AssignSingle(tt.names, tt.weights)
			for b, owner := range table {
				if owner != tt.want {
					t.Fatalf("bucket %d is %d's, want %d's", b, owner, tt.want)
				}
			}
		})
	}
}

// The order in which nodes are named says nothing, and who leaves behind the
// first moves nothing.
func TestAssignSingleGoesByNameAndWeightAlone(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		names, weights := []string{"a", "b", "c", "d", "e"}, make([]uint8, 5)
		for i := range weights {
			weights[i] = uint8(random.IntN(4))
		}
		owner := AssignSingle(names, weights)[17]
		order := random.Perm(5)
		var other []string
		var otherWeights []uint8
		for _, i := range order {
			other, otherWeights = append(other, names[i]), append(otherWeights, weights[i])
		}
		again := AssignSingle(other, otherWeights)[99]
		if (owner == NoOwner) != (again == NoOwner) || owner != NoOwner && names[owner] != other[again] {
			t.Fatalf("weights %v: %d, turned round %d", weights, owner, again)
		}
		leaver := random.IntN(5)
		if owner == NoOwner || leaver == int(owner) {
			continue
		}
		left := AssignSingle(slices.Delete(slices.Clone(names), leaver, leaver+1), slices.Delete(slices.Clone(weights), leaver, leaver+1))[3]
		if want := owner; left != want && left != want-1 {
			t.Fatalf("weights %v: %d leaves and %d follows %d", weights, leaver, left, owner)
		}
	}
}

func TestLineWeight(t *testing.T) {
	for priority, want := range map[uint8]uint8{1: 100, 50: 51, 100: 1, 0: 100, 255: 1} {
		if got := LineWeight(priority); got != want {
			t.Errorf("priority %d has weight %d, want %d", priority, got, want)
		}
	}
}

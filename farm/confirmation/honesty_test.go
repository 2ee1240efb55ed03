package confirmation

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOnlyTheConfirmationLetsIn: what the simulation proves holds for the daemon
// only if the daemon lets in what the simulated type says, and nothing else. So
// leases and shares of the packet path are made by the gate, and the gate is
// the confirmation's alone: not the loop's either, which has the packet path in its
// hands. Only stickiness says besides until when clients may be kept in others' buckets.
func TestOnlyTheConfirmationLetsIn(t *testing.T) {
	allowed := map[string][]string{
		"Lease":          {"../gate/gate.go"},             // gate.PacketPath
		"Apply":          {"../gate/gate.go"},             // gate.PacketPath
		"apply":          {"../gate/gate.go"},             // Gate
		"gate.New":       {"begin.go"},                    // made
		"Enforce":        {"confirmation.go", "begin.go"}, // Gate
		"Review":         {"lookafter.go", "../queue.go"}, // Gate; what is parked in a queue
		"Keep":           {"sticky.go", "../queue.go"},    // PacketPath; what is kept for others in a queue
		"SetShare":       {"../datapath.go"},              // xsk.Program
		"SetLease":       {"../datapath.go"},              // xsk.Program
		"SetGrant":       {"../datapath.go"},              // xsk.Program
		"NewTable":       {"../datapath.go"},              // pipeline
		"NewView":        {"notice.go", "releasing.go"},   // confirm: for what is parked and passed on, not let in
		"pipeline.Share": {"../gate/gate.go"},             // made
		"confirm.Lease":  nil,                             // made
	}
	var paths []string
	for _, pattern := range []string{"*.go", "../*.go", "../gate/*.go", "../division/*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		paths = append(paths, found...)
	}
	files := token.NewFileSet()
	met := make(map[string]bool)
	use := func(name string, at token.Pos) {
		in, known := allowed[name]
		if !known {
			return
		}
		met[name] = true
		if file := files.Position(at).Filename; !slices.Contains(in, file) {
			t.Errorf("%s: %s is used here; only %v may", files.Position(at), name, in)
		}
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok {
					use(s.Sel.Name, s.Pos())
					use(types.ExprString(s), s.Pos())
				}
			case *ast.CompositeLit:
				if s, ok := n.Type.(*ast.SelectorExpr); ok {
					use(types.ExprString(s), s.Pos())
				}
			}
			return true
		})
	}
	for _, name := range []string{"Lease", "Apply", "apply", "gate.New", "Enforce", "Review", "Keep", "SetShare", "SetLease", "SetGrant", "pipeline.Share", "NewTable"} {
		if !met[name] {
			t.Errorf("%s is used nowhere: this test looks for the wrong names", name)
		}
	}
}

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
// leases and shares of the packet path are made in one file, and that file is
// called by the confirmation alone: not by the loop either, which has the packet
// path in its hands.
func TestOnlyTheConfirmationLetsIn(t *testing.T) {
	allowed := map[string][]string{
		"Lease":          {"gate.go"},                     // PacketPath
		"Apply":          {"gate.go"},                     // PacketPath
		"apply":          {"gate.go"},                     // gate
		"set":            {"confirmation.go", "begin.go"}, // gate
		"review":         {"lookafter.go"},                // gate
		"SetShare":       {"../datapath.go"},              // xsk.Program
		"SetLease":       {"../datapath.go"},              // xsk.Program
		"NewTable":       {"../datapath.go"},              // pipeline
		"NewView":        {"notice.go", "releasing.go"},   // confirm: for what is parked and passed on, not let in
		"pipeline.Share": {"gate.go"},                     // made
		"confirm.Lease":  nil,                             // made
	}
	var paths []string
	for _, pattern := range []string{"*.go", "../*.go", "../division/*.go"} {
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
				}
			case *ast.CompositeLit:
				if s, ok := n.Type.(*ast.SelectorExpr); ok {
					use(types.ExprString(s), s.Pos())
				}
			}
			return true
		})
	}
	for _, name := range []string{"Lease", "Apply", "apply", "set", "review", "SetShare", "SetLease", "pipeline.Share", "NewTable"} {
		if !met[name] {
			t.Errorf("%s is used nowhere: this test looks for the wrong names", name)
		}
	}
}

package farm_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"thresher/perf/lab"
)

// checkReport has a node write a report, with and without names: every node is in
// it, and nothing secret is.
func (f *testFarm) checkReport(n *lab.Node) {
	f.T.Helper()
	key, err := os.ReadFile(f.Options.KeyFile)
	f.Must(err)
	_, secret, _ := strings.Cut(strings.Split(string(key), "\n")[1], ": ")
	for _, anonymise := range []bool{false, true} {
		file := filepath.Join(f.T.TempDir(), "report.tar.gz")
		args := []string{"report", "-o", file}
		if anonymise {
			args = append(args, "--anonymise")
		}
		f.Thresher(n, args...)
		names, text := readArchive(f, file)
		if len(secret) < 40 || strings.Contains(text, secret) {
			f.T.Error("the farm's key is in the report")
		}
		for _, one := range f.Nodes {
			if told := strings.Contains(text, one.Name) || strings.Contains(text, one.Address.String()); told == anonymise {
				f.T.Errorf("%s is in the report: %v (anonymised: %v)", one.Name, told, anonymise)
			}
			if !anonymise && !slices.Contains(names, "thresher-report/config-"+one.Name+".yaml") {
				f.T.Errorf("the report has %v", names)
			}
		}
		for _, part := range []string{"addresses.txt", "routes.txt", "neighbours.txt", "sysctls.txt"} {
			if !slices.Contains(names, "thresher-report/"+part) {
				f.T.Errorf("the report has no %s: %v", part, names)
			}
		}
		if !strings.Contains(text, "Linux version") || !strings.Contains(text, "\"view\"") {
			f.T.Error("the report lacks the kernel, or what the nodes say")
		}
	}
}

func readArchive(f *testFarm, file string) (names []string, text string) {
	f.T.Helper()
	in, err := os.Open(file)
	f.Must(err)
	defer in.Close()
	g, err := gzip.NewReader(in)
	f.Must(err)
	for r := tar.NewReader(g); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, text
		}
		f.Must(err)
		b, err := io.ReadAll(r)
		f.Must(err)
		names, text = append(names, h.Name), text+string(b)
	}
}

package console

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The page names all of its modules, so that a browser asks for them at once, not
// for each when it has read the one that imports it; and nothing else that it would
// wait for before it draws.
func TestPageNamesItsModules(t *testing.T) {
	text, err := fs.ReadFile(web, "web/index.html")
	must(t, err)
	var named []string
	for _, m := range regexp.MustCompile(`rel="modulepreload" href="([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		named = append(named, m[1])
	}
	var modules []string
	must(t, fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		url := strings.TrimPrefix(name, "web")
		if path.Ext(name) == ".js" && !strings.HasPrefix(url, "/vendor/") && url != "/theme.js" && url != "/start.js" {
			modules = append(modules, url)
		}
		return err
	}))
	slices.Sort(named)
	slices.Sort(modules)
	if diff := cmp.Diff(modules, named); diff != "" {
		t.Errorf("(-modules +named):\n%s", diff)
	}
	if blocking := regexp.MustCompile(`<script src="[^"]+">|rel="stylesheet"`).FindAllString(string(text), -1); len(blocking) != 2 {
		t.Errorf("the page waits for %d files before it draws, want its style and its theme", len(blocking))
	}
}

package manual

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestReadBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	text := "<!-- ci: web1 web2 -->\n\n```sh\none \\\n  two\n# nothing\nthree   # why\n```\n\n<!-- ci: web1 -->\nWords.\n" +
		"```yaml\na: b\n```\n1. item\n\n   ```sh\n   four\n   ```\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	blocks, err := readBlocks(path)
	if err != nil || len(blocks) != 2 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	if want := []string{"web1", "web2"}; !reflect.DeepEqual(blocks[0].on, want) || blocks[1].on != nil {
		t.Errorf("on %q and %q", blocks[0].on, blocks[1].on)
	}
	want := []command{{"page.md:5", "one   two"}, {"page.md:7", "three   # why"}}
	if got := blocks[0].commands(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if got := blocks[1].commands(); !reflect.DeepEqual(got, []command{{"page.md:18", "four"}}) {
		t.Errorf("got %q", got)
	}
}

package vm

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// index is a part of one of Debian's, with what is passed over.
const index = `Package: linux-image-6.12.94+deb13-cloud-amd64
Filename: pool/94.deb
SHA256: 94

Package: linux-image-6.12.107+deb13-cloud-amd64
Version: 6.12.107-1
Depends: kmod, linux-base (>= 4.3~)
Filename: pool/107.deb
SHA256: 107

Package: linux-image-6.12.107+deb13-cloud-amd64-dbg
Filename: pool/dbg.deb

Package: linux-image-6.12.107+deb13-amd64
Filename: pool/big.deb

Package: linux-image-6.1.0-50-cloud-amd64
Filename: pool/50.deb
SHA256: 50

Package: linux-image-6.12.107+deb13-cloud-arm64
Filename: pool/arm.deb

Package: linux-image-6.1.0-9-cloud-amd64
Filename: pool/9.deb
`

func TestNewestKernel(t *testing.T) {
	for series, want := range map[string]string{"6.12": "pool/107.deb", "6.1": "pool/50.deb", "6.18": ""} {
		got, err := newestKernel(strings.NewReader(index), series, "amd64")
		if err != nil || got.file != want {
			t.Errorf("%s: got %+v, %v, want %q", series, got, err, want)
		}
	}
	if got, err := newestKernel(strings.NewReader(index), "6.12", "arm64"); err != nil || got.file != "pool/arm.deb" {
		t.Errorf("arm64: got %+v, %v", got, err)
	}
}

func TestCompareVersions(t *testing.T) {
	ordered := []string{"", "a-6.1.0-9", "a-6.1.0-50", "a-6.12.94+deb13", "a-6.12.107+deb13"}
	for i := range ordered {
		for j := range ordered {
			if got := compareVersions(ordered[i], ordered[j]); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%q and %q: %d", ordered[i], ordered[j], got)
			}
		}
	}
}

// mirror serves an index and one package, whose sum the index gives.
func mirror(t *testing.T, contents, sum string) {
	t.Helper()
	list := "Package: linux-image-6.12.1-cloud-amd64\nFilename: pool/1.deb\nSHA256: " + sum + "\n"
	xz := exec.Command("xz", "--stdout")
	xz.Stdin = strings.NewReader(list)
	compressed, err := xz.Output()
	if err != nil {
		t.Skip("no xz: ", err)
	}
	m := http.NewServeMux()
	m.HandleFunc("/dists/trixie/main/binary-amd64/Packages.xz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(compressed) })
	m.HandleFunc("/pool/1.deb", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, contents) })
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	t.Setenv(mirrorVariable, s.URL)
	t.Setenv(cacheVariable, t.TempDir())
}

func TestOtherContentsAreRefused(t *testing.T) {
	mirror(t, "something else", fmt.Sprintf("%x", sha256.Sum256([]byte("a package"))))
	_, err := FetchKernel(t.Context(), "6.12")
	if err == nil || !strings.Contains(err.Error(), "pool/1.deb has the SHA-256 sum") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv(cacheVariable), "*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestFetchSaysWhatIsMissing(t *testing.T) {
	mirror(t, "", "")
	for series, want := range map[string]string{"5.10": "no suite of Debian is known", "6.12-mips": "no machine is known for architecture mips", "6.18": "404", "6.1": "404"} {
		if _, err := FetchKernel(t.Context(), series); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", series, err, want)
		}
	}
}

// What was fetched is used without a mirror.
func TestFetchedKernelIsUsedAgain(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(cacheVariable, cache)
	t.Setenv(mirrorVariable, "http://127.0.0.1:1")
	const release = "6.12.107+deb13-cloud-amd64"
	image := filepath.Join(cache, "linux-6.12", "boot", "vmlinuz-"+release)
	dir := filepath.Join(cache, "linux-6.12", "usr", "lib", "modules", release)
	for _, d := range []string{filepath.Dir(image), dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(image, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := FetchKernel(t.Context(), "6.12")
	if want := (Kernel{Release: release, Image: image, Modules: dir}); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

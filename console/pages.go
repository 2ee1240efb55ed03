package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"thresher/config"
)

// web are the console's pages, as browsers get them: nothing is built from them.
//
//go:embed web
var web embed.FS

// Web are the files that the console's pages are made of, for others that look alike.
func Web() fs.FS { return web }

// page is one file of the console.
type page struct {
	kind        string
	etag        string
	plain, gzip []byte
}

// ContentType is that of a page's file. Browsers run no script that is
// called something else.
func ContentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".webmanifest":
		return "application/manifest+json"
	}
	return "text/plain; charset=utf-8"
}

// pages answers what the console's page loads. Anybody may: there is nothing of
// the farm in it.
func (s *Server) pages(mux *http.ServeMux) {
	load := sync.OnceValues(loadPages)
	missing := s.handler([]route{{do: noSuchPath}})
	show := s.handler([]route{{method: http.MethodGet, do: func(w http.ResponseWriter, r *http.Request) error {
		all, err := load()
		if err != nil {
			return err
		}
		all[pageName(r.URL.Path)].send(w, r)
		return nil
	}}})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if info, err := fs.Stat(web, pageName(r.URL.Path)); err != nil || info.IsDir() {
			missing.ServeHTTP(w, r)
			return
		}
		show.ServeHTTP(w, r)
	})
}

func pageName(p string) string {
	if p == "/" || p == config.LoginPath {
		return "web/index.html"
	}
	return "web" + p
}

func loadPages() (map[string]*page, error) {
	all := make(map[string]*page)
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := web.ReadFile(name)
		if err != nil {
			return err
		}
		all[name], err = newPage(name, text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the console's pages: %w", err)
	}
	return all, nil
}

func newPage(name string, text []byte) (*page, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return &page{ContentType(name), `"` + hex.EncodeToString(sum[:8]) + `"`, text, packed.Bytes()}, nil
}

// send answers with the file, or says that the browser has it already.
func (p *page) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", p.kind)
	h.Set("ETag", p.etag)
	h.Set("Cache-Control", "no-cache") // ask each time: another version may run by then
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == p.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := p.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = p.gzip
	}
	_, _ = w.Write(body) // the browser may have gone
}

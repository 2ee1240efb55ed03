package setup

import (
	"embed"
	"io/fs"
	"net/http"

	"thresher/console"
)

//go:embed web
var web embed.FS

// shared are the console's files that the page uses.
var shared = [...]string{"/style.css", "/dom.js", "/texts.js", "/theme.js", "/icon.svg"}

// page answers what the page is made of. There is nothing of the machine in it.
func page(w http.ResponseWriter, r *http.Request) {
	from, name := fs.FS(web), r.URL.Path
	if name == "/" {
		name = "/setup.html"
	}
	for _, one := range shared {
		if name == one {
			from = console.Web()
		}
	}
	text, err := fs.ReadFile(from, "web"+name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", console.ContentType(name))
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(text) // the browser may have gone
}

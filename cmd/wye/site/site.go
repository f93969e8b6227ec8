// Package site is the pages of `wye serve`: plain HTML, CSS and ES modules,
// embedded, with no build step.
package site

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed pages assets
var files embed.FS

// Endpoint is what the start page tells about a path of the server.
type Endpoint struct {
	Paths     []string // as they are mounted, the aliases after the first
	Title     string   // of Page
	Text      string   // a sentence or two
	Protocols []string // the tokens or subprotocols to choose from
	// ProtocolsAre names what Protocols has: "Subprotocol", "Tokens".
	ProtocolsAre string
	Page         string // the page that shows the endpoint; empty: none
	Lines        []Line
}

// Line is something to copy and run. In Text, HOST stands for the host and port
// that the page was asked for under, and NAME and PORT for its parts.
type Line struct {
	Tool string
	Text string
}

// A Site serves the pages. It is safe for concurrent use.
type Site struct {
	endpoints []Endpoint
	version   string
	index     *template.Template
}

// New returns the site of a server with these endpoints.
func New(endpoints []Endpoint, version string) (*Site, error) {
	index, err := template.New("index.html").
		Funcs(template.FuncMap{"lower": strings.ToLower}).
		ParseFS(files, "pages/index.html")
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	return &Site{endpoints, version, index}, nil
}

// Index is the start page. It answers GET and HEAD.
func (s *Site) Index(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	var page bytes.Buffer
	data := struct {
		Endpoints []Endpoint
		Version   string
	}{at(s.endpoints, r), s.version}
	if err := s.index.Execute(&page, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	serve(w, r, "text/html; charset=utf-8", page.Bytes())
}

// File serves one embedded file, such as "pages/chat.html".
func File(name string) (http.Handler, error) {
	content, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if readOnly(w, r) {
			serve(w, r, contentType(name), content)
		}
	}), nil
}

// Assets serves what the pages load, by the path value "file".
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		content, err := fs.ReadFile(files, path.Join("assets", path.Clean("/"+name)))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if readOnly(w, r) {
			serve(w, r, contentType(name), content)
		}
	})
}

// serve answers with what a browser may keep only as long as it asks whether it
// is still so, since it changes with the next release.
func serve(w http.ResponseWriter, r *http.Request, typ string, content []byte) {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	h := w.Header()
	Protect(h)
	h.Set("ETag", tag)
	h.Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", typ)
	h.Set("Content-Length", fmt.Sprint(len(content)))
	if r.Method != http.MethodHead {
		w.Write(content)
	}
}

// Protect sets what keeps a response from being more than it says: scripts,
// styles and connections only of this server, no guessing of types, no address
// told to others, no frame around it.
func Protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
}

func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "this is a page: GET or HEAD it", http.StatusMethodNotAllowed)
	return false
}

func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8" // some systems' tables have it otherwise
	case ".svg":
		return "image/svg+xml"
	default:
		return mime.TypeByExtension(ext)
	}
}

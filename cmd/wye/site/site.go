// Package site is the pages of `wye serve`: plain HTML, CSS and ES modules,
// embedded, with no build step.
//
// A page is a template in pages, of which those in parts are what all have: the
// head, the header with links to every page, the notice of why there is no
// connection, the question for a token. An [Endpoint] that names it as its Page
// is all that it takes to have it served and linked. What a page loads is in
// assets: base.css has the look, socket.js a WebSocket that comes back,
// status.js shows how it is, and token.js is the way in where tokens are asked
// for.
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
	"slices"
)

//go:embed pages parts assets
var files embed.FS

// Endpoint is what the start page tells about a path of the server.
type Endpoint struct {
	Paths     []string // as they are mounted, the aliases after the first
	Title     string   // of Page
	Text      string   // a sentence or two
	Protocols []string // the tokens or subprotocols to choose from
	// ProtocolsAre names what Protocols has: "Subprotocol", "Tokens".
	ProtocolsAre string
	// Page is the path of the page that shows the endpoint, such as /chat.html
	// for pages/chat.html; empty: none. The header of every page leads there.
	Page  string
	Lines []Line
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
	pages     map[string][]byte // by path, without the start page
}

// link is a way from every page to another.
type link struct{ Href, Title string }

// New returns the site of a server with these endpoints.
func New(endpoints []Endpoint, version string) (*Site, error) {
	s := &Site{endpoints: endpoints, version: version, pages: map[string][]byte{}}
	var err error
	if s.index, err = parse("index.html"); err != nil {
		return nil, err
	}
	links := s.links()
	for _, l := range links {
		page, err := parse(path.Base(l.Href))
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := page.Execute(&b, top{links, l.Href}); err != nil {
			return nil, fmt.Errorf("site: %s: %w", l.Href, err)
		}
		s.pages[l.Href] = b.Bytes()
	}
	return s, nil
}

// top is what the header of a page needs to know.
type top struct {
	Links []link
	Here  string // the page itself
}

func (s *Site) links() []link {
	var links []link
	for _, e := range s.tiles() {
		links = append(links, link{e.Page, e.Title})
	}
	return links
}

// tiles are the first endpoints of each page.
func (s *Site) tiles() []Endpoint {
	var tiles []Endpoint
	for _, e := range s.endpoints {
		if e.Page != "" && !slices.ContainsFunc(tiles, func(t Endpoint) bool { return t.Page == e.Page }) {
			tiles = append(tiles, e)
		}
	}
	return tiles
}

// parse reads a page and the parts that pages share.
func parse(name string) (*template.Template, error) {
	t, err := template.New(name).ParseFS(files, "parts/*.html", "pages/"+name)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	return t, nil
}

// Mount serves the pages that the endpoints name, and what they load.
func (s *Site) Mount(mux *http.ServeMux) {
	for path, page := range s.pages {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if readOnly(w, r) {
				serve(w, r, contentType(path), page)
			}
		})
	}
	mux.Handle("/assets/{file}", assets())
}

// Index is the start page. It answers GET and HEAD.
func (s *Site) Index(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	var page bytes.Buffer
	data := struct {
		top
		Tiles     []Endpoint // one for each page
		Endpoints []Endpoint
		Version   string
	}{top{s.links(), "/"}, s.tiles(), at(s.endpoints, r), s.version}
	if err := s.index.Execute(&page, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	serve(w, r, "text/html; charset=utf-8", page.Bytes())
}

// assets serves what the pages load, by the path value "file".
func assets() http.Handler {
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

// Package docs holds tests of what is written about the code: it has to be in the
// code.
package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the top of the repository.
const root = "../.."

// Every code block behind a comment that names an example is that example's body.
func TestExamplesAreQuotedVerbatim(t *testing.T) {
	files := map[string]string{"hub-server": "hub/server/example_test.go"} // by the document
	for _, peer := range []string{"gorilla", "coder", "gobwas", "gws"} {
		files["migrate-"+peer] = "websocket/example_migrate_" + peer + "_test.go"
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			examples := examplesOf(t, file)
			if len(examples) == 0 {
				t.Fatal("no examples")
			}
			quoted := make(map[string]bool)
			for _, q := range quotes(read(t, "docs/"+name+".md")) {
				body, ok := examples[q.name]
				switch {
				case !ok:
					t.Errorf("%s is quoted, but there is no such example", q.name)
				case body != q.code:
					t.Errorf("%s is not quoted as it is:\n%s\nquoted:\n%s", q.name, body, q.code)
				}
				quoted[q.name] = true
			}
			for name := range examples {
				if !quoted[name] {
					t.Errorf("%s is not quoted", name)
				}
			}
		})
	}
}

// Every text in a table of texts is in a string of the source.
func TestQuotedTextsAreInTheSource(t *testing.T) {
	source := strings.Join(stringsIn(t, ".", "gate", "websocket", "websocket/wire", "cmd/wye", "cmd/wye/connect", "cmd/wye/connect/target", "cmd/wye/publish", "cmd/wye/stream", "h2c", "h3", "tlsupgrade", "hub", "hub/server", "internal/exchange"), "\x00")
	texts := textsIn(read(t, "docs/troubleshooting.md"))
	if len(texts) < 100 {
		t.Fatalf("found %d texts: does the document still have its tables?", len(texts))
	}
	for _, text := range texts {
		if len(strings.Trim(text, "… :,")) < 3 {
			t.Errorf("%q says nothing", text)
		}
		for _, piece := range piecesOf(text) {
			if !strings.Contains(source, piece) {
				t.Errorf("%q: nothing says %q", text, piece)
			}
		}
	}
}

// Every sentinel error that a package exports is mentioned.
func TestEverySentinelIsMentioned(t *testing.T) {
	document := read(t, "docs/troubleshooting.md")
	found := 0
	for dir, name := range map[string]string{".": "wye", "gate": "gate", "websocket": "websocket", "websocket/wire": "wire", "tlsupgrade": "tlsupgrade"} {
		for _, sentinel := range sentinelsOf(t, dir) {
			found++
			if !strings.Contains(document, "`"+name+"."+sentinel+"`") {
				t.Errorf("docs/troubleshooting.md says nothing of %s.%s", name, sentinel)
			}
		}
	}
	if found < 15 {
		t.Errorf("found %d sentinels: does the test still see them?", found)
	}
}

// documents are all that is written to be read: the folder docs, and what stands
// at the top.
func documents(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		some, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(some) < 5 {
			t.Fatalf("%s: %d documents, %v", pattern, len(some), err)
		}
		names = append(names, some...)
	}
	return names
}

// Every link from one document to another leads somewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	for _, from := range documents(t) {
		for _, link := range linksIn(read(t, from)) {
			name, anchor, _ := strings.Cut(link, "#")
			to := from
			if name != "" {
				to = filepath.Join(filepath.Dir(from), name)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s: %v", from, link, err)
			} else if anchor != "" && !slices.Contains(anchorsIn(read(t, to)), anchor) {
				t.Errorf("%s: %s: no such heading", from, link)
			}
		}
	}
}

// The finders themselves, on made-up text.
func TestFinders(t *testing.T) {
	texts := textsIn("| text | cause |\n|---|---|\n| `a …: b`, `c` | `d` |\n\n| code | text |\n|---|---|\n| `e` | `f` |\n")
	if got := strings.Join(texts, ";"); got != "a …: b;c" {
		t.Errorf("texts: %q", got)
	}
	if got := strings.Join(piecesOf("a … of …: b"), ";"); got != "a ; of ;: b" {
		t.Errorf("pieces: %q", got)
	}
	if got := strings.Join(linksIn("[a](b.md#c) [d](https://e.example) ![f](#g)"), ";"); got != "b.md#c;#g" {
		t.Errorf("links: %q", got)
	}
	if got := strings.Join(anchorsIn("# The server's `x`: 1, 2\n\n```\n# no\n```\n### b\n"), ";"); got != "the-servers-x-1-2;b" {
		t.Errorf("anchors: %q", got)
	}
	got := quotes("<!-- Example_x -->\n```go\nx := 1\n```\n\n```go\nother\n```\n")
	if len(got) != 1 || got[0] != (quote{"Example_x", "x := 1\n"}) {
		t.Errorf("quotes: %q", got)
	}
}

type quote struct{ name, code string }

var quoted = regexp.MustCompile("(?m)^<!-- (Example\\w*) -->\n```go\n((?s:.*?))^```$")

func quotes(document string) (all []quote) {
	for _, m := range quoted.FindAllStringSubmatch(document, -1) {
		all = append(all, quote{m[1], m[2]})
	}
	return all
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// linksIn returns the targets of links within the repository.
func linksIn(document string) (targets []string) {
	for _, m := range link.FindAllStringSubmatch(document, -1) {
		if !strings.Contains(m[1], "://") {
			targets = append(targets, m[1])
		}
	}
	return targets
}

var (
	fenced      = regexp.MustCompile("(?ms)^```.*?^```$")
	heading     = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchorsIn returns the names of a document's headings, as GitHub makes them.
func anchorsIn(document string) (anchors []string) {
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(document, ""), -1) {
		name := notInAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		anchors = append(anchors, strings.ReplaceAll(name, " ", "-"))
	}
	return anchors
}

// examplesOf returns the bodies of a file's examples, moved to the margin.
func examplesOf(t *testing.T, name string) map[string]string {
	t.Helper()
	source := read(t, name)
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	bodies := make(map[string]string)
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Example") {
			continue
		}
		body := source[files.Position(f.Body.Lbrace).Offset+len("{\n") : files.Position(f.Body.Rbrace).Offset]
		lines := strings.SplitAfter(body, "\n")
		for i, line := range lines {
			lines[i] = strings.TrimPrefix(line, "\t")
		}
		bodies[f.Name.Name] = strings.Join(lines, "")
	}
	return bodies
}

var code = regexp.MustCompile("`[^`]+`")

// textsIn returns what stands as code in the first column of the tables whose
// first column is called text.
func textsIn(document string) (texts []string) {
	within := false
	for line := range strings.Lines(document) {
		cell, isRow := strings.CutPrefix(line, "| ")
		if !isRow {
			within = within && strings.HasPrefix(line, "|--")
			continue
		}
		cell, _, _ = strings.Cut(cell, " | ")
		if cell == "text" {
			within = true
			continue
		}
		if within {
			for _, span := range code.FindAllString(cell, -1) {
				texts = append(texts, strings.Trim(span, "`"))
			}
		}
	}
	return texts
}

// piecesOf returns what of a text is the same each time.
func piecesOf(text string) (pieces []string) {
	for piece := range strings.SplitSeq(text, "…") {
		if piece != "" {
			pieces = append(pieces, piece)
		}
	}
	return pieces
}

// verb is what fmt puts something in the place of.
var verb = regexp.MustCompile(`%(\[\d\])?[+#]?[a-z]`)

// stringsIn returns the string literals of packages, with an ellipsis in the
// place of each verb.
func stringsIn(t *testing.T, dirs ...string) (all []string) {
	t.Helper()
	for _, dir := range dirs {
		for _, file := range parse(t, dir) {
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					s, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, strings.ReplaceAll(verb.ReplaceAllString(s, "…"), "%%", "%"))
				}
				return true
			})
		}
	}
	return all
}

// sentinelsOf returns the exported errors of a package, by their names.
func sentinelsOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	for _, file := range parse(t, dir) {
		for _, decl := range file.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

// parse reads the files of a package that are no tests.
func parse(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// read returns a file, whose name may begin at the top of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	if !strings.HasPrefix(name, root) {
		name = filepath.Join(root, name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

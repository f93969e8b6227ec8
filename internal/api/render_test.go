package api

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// render writes down what a package exports, a line for each name, field and
// method: what other programs may have come to depend on, without comments.
func render(p *types.Package) string {
	w := &writer{pkg: p}
	w.line("package %s // import %q", p.Name(), p.Path())
	var kinds [4][]types.Object // constants, variables, functions, types
	for _, name := range p.Scope().Names() {
		if obj := p.Scope().Lookup(name); obj.Exported() {
			kinds[kind(obj)] = append(kinds[kind(obj)], obj)
		}
	}
	for _, objects := range kinds {
		if len(objects) > 0 {
			w.line("")
		}
		for _, obj := range objects {
			w.object(obj)
		}
	}
	return w.String()
}

func kind(obj types.Object) int {
	switch obj.(type) {
	case *types.Const:
		return 0
	case *types.Var:
		return 1
	case *types.Func:
		return 2
	}
	return 3
}

type writer struct {
	strings.Builder
	pkg *types.Package
}

func (w *writer) line(format string, args ...any) {
	fmt.Fprintf(w, format+"\n", args...)
}

// qualify names other packages by the name that a program would use.
func (w *writer) qualify(p *types.Package) string {
	if p == w.pkg {
		return ""
	}
	return p.Name()
}

func (w *writer) typeOf(t types.Type) string { return types.TypeString(t, w.qualify) }

func (w *writer) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Const:
		w.line("const %s %s = %s", obj.Name(), w.typeOf(obj.Type()), obj.Val().ExactString())
	case *types.TypeName:
		w.typeName(obj)
	default:
		w.line("%s", types.ObjectString(obj, w.qualify))
	}
}

func (w *writer) typeName(obj *types.TypeName) {
	if obj.IsAlias() {
		w.line("type %s = %s", obj.Name(), w.typeOf(types.Unalias(obj.Type())))
		return
	}
	named := obj.Type().(*types.Named)
	name := w.typeOf(named) // with its type parameters
	switch u := named.Underlying().(type) {
	case *types.Struct:
		w.line("type %s struct", name)
		w.fields(named, u)
	case *types.Interface:
		w.line("type %s interface", name)
		w.elements(u)
	default:
		w.line("type %s %s", name, w.typeOf(u))
	}
	methods := slices.SortedFunc(named.Methods(), func(a, b *types.Func) int { return strings.Compare(a.Name(), b.Name()) })
	for _, m := range methods {
		if m.Exported() {
			recv := w.typeOf(m.Signature().Recv().Type())
			w.line("\tfunc (%s) %s%s", recv, m.Name(), w.signature(m))
		}
	}
}

// fields also says whether there are unexported ones, since then a literal
// needs the names of the others, and whether == is out.
func (w *writer) fields(named *types.Named, s *types.Struct) {
	hidden := false
	for f := range s.Fields() {
		switch {
		case !f.Exported():
			hidden = true
		case f.Embedded():
			w.line("\t%s", w.typeOf(f.Type()))
		default:
			w.line("\t%s %s", f.Name(), w.typeOf(f.Type()))
		}
	}
	if hidden {
		w.line("\t// unexported fields")
	}
	if generic := named.TypeParams().Len() > 0; !generic && !types.Comparable(named) {
		w.line("\t// not comparable")
	}
}

func (w *writer) elements(i *types.Interface) {
	for e := range i.EmbeddedTypes() {
		w.line("\t%s", w.typeOf(e))
	}
	hidden := false
	for m := range i.ExplicitMethods() {
		if m.Exported() {
			w.line("\t%s%s", m.Name(), w.signature(m))
		}
		hidden = hidden || !m.Exported()
	}
	if hidden {
		w.line("\t// unexported methods")
	}
}

func (w *writer) signature(f *types.Func) string {
	return strings.TrimPrefix(w.typeOf(f.Signature()), "func")
}

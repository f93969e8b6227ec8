package api

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"testing"
)

// sample has one of each thing that can be exported, and of each that is not.
const sample = `package sample

import (
	"errors"
	"time"
)

const Limit = 1 << 20
const hidden = 1

type Kind uint8

const Text Kind = 1

var ErrClosed = errors.New("closed")

func Dial(addr string, timeout ...time.Duration) (*Conn, error) { return nil, nil }
func Map[K comparable, V any](m map[K]V)                        {}
func dial()                                                      {}

type Conn struct {
	*Options
	Name  string
	state int
}

type Options struct{ Wait time.Duration }

func (c *Conn) Write(p []byte) (n int, err error) { return 0, nil }
func (c Conn) Close() error                       { return nil }
func (c *Conn) lock()                             {}

type Reader interface {
	error
	Read(p []byte) error
	private()
}

type Hook func(c *Conn)
type Pair[T any] struct{ A, B T }
type Alias = Conn
type hiddenType struct{ Field int }
type Funcs struct{ F func() }
`

const rendered = `package sample // import "example.org/sample"

const Limit untyped int = 1048576
const Text Kind = 1

var ErrClosed error

func Dial(addr string, timeout ...time.Duration) (*Conn, error)
func Map[K comparable, V any](m map[K]V)

type Alias = Conn
type Conn struct
	*Options
	Name string
	// unexported fields
	func (Conn) Close() error
	func (*Conn) Write(p []byte) (n int, err error)
type Funcs struct
	F func()
	// not comparable
type Hook func(c *Conn)
type Kind uint8
type Options struct
	Wait time.Duration
type Pair[T any] struct
	A T
	B T
type Reader interface
	error
	Read(p []byte) error
	// unexported methods
`

func TestRender(t *testing.T) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "sample.go", sample, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	p, err := config.Check("example.org/sample", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(rendered, render(p)); d != "" {
		t.Error(d)
	}
}

func TestDiff(t *testing.T) {
	const old = "func A()\ntype T struct\n\tX int\n\tY int\ntype U struct\n\tZ int\n"
	for _, tt := range []struct{ why, old, new, want string }{
		{"nothing", old, old, ""},
		{"a field went", old, "func A()\ntype T struct\n\tX int\ntype U struct\n\tZ int\n", "  type T struct\n- \tY int\n"},
		{"a field's type", old, "func A()\ntype T struct\n\tX int\n\tY int\ntype U struct\n\tZ int64\n", "  type U struct\n- \tZ int\n+ \tZ int64\n"},
		{"a function came", old, "func A()\nfunc B()\ntype T struct\n\tX int\n\tY int\ntype U struct\n\tZ int\n", "+ func B()\n"},
		{"everything came", "", old, "+ func A()\n+ type T struct\n+ \tX int\n+ \tY int\n+ type U struct\n+ \tZ int\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := diff(tt.old, tt.new); got != tt.want {
				t.Errorf("want:\n%s\ngot:\n%s", tt.want, got)
			}
		})
	}
}

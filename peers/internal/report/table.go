package report

import "strings"

// A Table is one in Markdown. Its cells have no line breaks.
type Table struct {
	head []string
	rows [][]string
}

// NewTable makes a table with these columns.
func NewTable(head ...string) *Table { return &Table{head: head} }

// Row adds a row. Columns that it does not have are empty.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.head))
	copy(row, cells)
	t.rows = append(t.rows, row)
}

func (t *Table) String() string {
	var b strings.Builder
	write := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| ")
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(c, "|", `\|`), "\n", " "))
			b.WriteString(" ")
		}
		b.WriteString("|\n")
	}
	write(t.head)
	b.WriteString(strings.Repeat("|---", len(t.head)) + "|\n")
	for _, row := range t.rows {
		write(row)
	}
	return b.String()
}

package library

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/ui/widget"
)

// column is a column of the table.
type column int

const (
	columnName column = iota
	columnKind
	columnPages
	columnPassages
	columnState
	columnAdded
)

// row is a document as the table shows it.
type row struct {
	doc    core.Document
	cells  [6]string
	folded string // what the filter looks through
}

// format makes rows. It may be called from any goroutine.
func (m *model) format(docs []core.Document) []row {
	states := map[core.DocumentState]string{}
	for _, s := range []core.DocumentState{core.DocumentReady, core.DocumentPending, core.DocumentFailed} {
		states[s] = m.Text("documents.state." + string(s))
	}
	stale := m.Text("documents.state.old")
	rows := make([]row, len(docs))
	for i, d := range docs {
		r := row{doc: d, folded: strings.ToLower(d.Name + "\x00" + d.Source)}
		r.cells = [6]string{d.Name, d.Kind, "", "", states[d.State], d.Added.Local().Format("2006-01-02 15:04")}
		if d.State == core.DocumentReady {
			r.cells[columnPages], r.cells[columnPassages] = fmt.Sprint(d.Pages), fmt.Sprint(d.Chunks)
			if d.Reason != "" { // a newer version of the file could not be read
				r.cells[columnState] = stale
			}
		}
		rows[i] = r
	}
	return rows
}

// list is the table.
type list struct {
	m          *model
	collection string // name; "" while the library is empty
	loaded     bool
	all        []row
	rows       []row // that the filter lets through, in order
	filter     string
	sort       column
	down       bool

	marked map[string]bool // by Document.ID
	cursor string          // Document.ID
	anchor string          // where marking with Shift begins
	before map[string]bool // marks when Shift began
}

// take replaces the documents; marks and cursor stay with what is still there.
func (l *list) take(collection string, rows []row) {
	if collection != l.collection {
		l.marked, l.cursor, l.anchor = map[string]bool{}, "", ""
	}
	l.collection, l.all = collection, rows
	there := make(map[string]bool, len(rows))
	for _, r := range rows {
		there[r.doc.ID] = true
	}
	for id := range l.marked {
		if !there[id] {
			delete(l.marked, id)
		}
	}
	at := l.at()
	l.arrange()
	if !there[l.cursor] && len(l.rows) > 0 {
		l.cursor = l.rows[min(at, len(l.rows)-1)].doc.ID
	}
}

// arrange filters and sorts.
func (l *list) arrange() {
	words := strings.Fields(strings.ToLower(l.filter))
	l.rows = l.rows[:0]
	for _, r := range l.all {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(r.folded, w) }) {
			l.rows = append(l.rows, r)
		}
	}
	if l.sort == columnName && !l.down {
		return // as the library lists them
	}
	sign := 1
	if l.down {
		sign = -1
	}
	slices.SortStableFunc(l.rows, func(a, b row) int { return sign * l.compare(a.doc, b.doc) })
}

func (l *list) compare(a, b core.Document) int {
	switch l.sort {
	case columnKind:
		return strings.Compare(a.Kind, b.Kind)
	case columnPages:
		return cmp.Compare(a.Pages, b.Pages)
	case columnPassages:
		return cmp.Compare(a.Chunks, b.Chunks)
	case columnState:
		return strings.Compare(string(a.State)+a.Reason, string(b.State)+b.Reason)
	case columnAdded:
		return a.Added.Compare(b.Added)
	}
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Source, b.Source))
}

// setFilter shows the documents whose name or path has all the words.
func (l *list) setFilter(text string) {
	l.filter = text
	l.arrange()
	l.m.tell(changedList)
}

// sortBy sorts by a column; the second time the other way round.
func (l *list) sortBy(c column) {
	if l.sort == c {
		l.down = !l.down
	} else {
		l.sort, l.down = c, false
	}
	l.arrange()
	l.m.tell(changedList)
}

// at is the place of the cursor.
func (l *list) at() int {
	return max(0, slices.IndexFunc(l.rows, func(r row) bool { return r.doc.ID == l.cursor }))
}

// goTo follows a person to a row.
func (l *list) goTo(i int, how widget.Move) {
	if i < 0 || i >= len(l.rows) {
		return
	}
	from := l.at()
	l.cursor = l.rows[i].doc.ID
	widget.Mark(l.marked, &l.anchor, how, from, i, len(l.rows), func(k int) string { return l.rows[k].doc.ID })
	if how == widget.MoveOnly {
		l.marked[l.cursor] = true
	}
	l.m.tell(changedSelected)
}

// markAll marks what the filter shows.
func (l *list) markAll() {
	for _, r := range l.rows {
		l.marked[r.doc.ID] = true
	}
	l.m.tell(changedSelected)
}

// mark marks these documents alone.
func (l *list) mark(docs []core.Document) {
	clear(l.marked)
	for _, d := range docs {
		l.marked[d.ID] = true
	}
	l.m.tell(changedSelected)
}

// relabel writes the rows anew, in the language of now.
func (l *list) relabel() {
	docs := make([]core.Document, len(l.all))
	for i, r := range l.all {
		docs[i] = r.doc
	}
	l.all = l.m.format(docs)
	l.arrange()
}

// chosen are the marked documents, in order, those that the filter hides included; without marks that of the cursor.
func (l *list) chosen() []core.Document {
	var out []core.Document
	for _, r := range l.all {
		if l.marked[r.doc.ID] {
			out = append(out, r.doc)
		}
	}
	if len(out) == 0 && len(l.rows) > 0 && l.cursor != "" {
		out = append(out, l.rows[l.at()].doc)
	}
	return out
}

// current is the document of the cursor.
func (l *list) current() (core.Document, bool) {
	if len(l.rows) == 0 || l.cursor == "" {
		return core.Document{}, false
	}
	return l.rows[l.at()].doc, true
}

// counts says how many are shown and marked.
func (l *list) counts() string {
	switch n := len(l.marked); {
	case n > 1:
		return l.m.Text("documents.count.marked", len(l.rows), n)
	case len(l.rows) != len(l.all):
		return l.m.Text("documents.count.filtered", len(l.rows), len(l.all))
	}
	return l.m.Text("documents.count", len(l.all))
}

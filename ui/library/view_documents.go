package library

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/core"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// documents is the table with what stands above and below it.
type documents struct {
	s      *Screen
	root   *fyne.Container
	filter *widget.Entry
	table  *widget.Table
	count  *widget.Prose
	foot   *widget.Prose
	openIt *widget.Button
	remove *widget.Button
	middle *fyne.Container
	empty  fyne.CanvasObject
	first  *widget.Button
	none   *widget.Prose
}

func (s *Screen) makeDocuments() section {
	d := &documents{s: s, filter: widget.NewEntry()}
	s.table = d
	d.filter.SetPlaceHolder(s.text("documents.filter"))
	d.filter.SetText(s.m.list.filter)
	d.filter.OnChanged = s.m.list.setFilter
	d.filter.OnSubmitted = func(string) { s.p.Shell.Window().Canvas().Focus(d.table.Focus()) }
	d.filter.OnEscape = func() {
		d.filter.SetText("")
		s.p.Shell.Window().Canvas().Focus(d.table.Focus())
	}
	d.openIt = button(s.text("documents.open"), fynetheme.DocumentIcon(), plain, s.open)
	d.remove = button(s.text("documents.remove"), fynetheme.DeleteIcon(), plain, s.m.remove)
	d.count = s.aside("")
	d.foot = s.aside("")
	d.none = s.words(s.text("documents.empty.filter"))
	tools := widget.NewFlow(gap,
		button(s.text("documents.addfiles"), fynetheme.ContentAddIcon(), strong, s.addFiles),
		button(s.text("documents.addfolder"), fynetheme.FolderNewIcon(), plain, s.addFolder),
		container.New(widget.AtLeast{Width: 240}, d.filter), d.openIt, d.remove)
	d.table = d.makeTable()
	d.empty = d.makeEmpty()
	d.middle = container.NewStack(d.table)
	d.root = container.New(down{fill: 2}, tools, d.none, d.middle, d.foot, d.count)
	return section{view: d.root, update: d.update, focus: func() fyne.Focusable {
		if d.middle.Objects[0] == d.empty {
			return d.first
		}
		return d.table.Focus()
	}}
}

func (d *documents) makeTable() *widget.Table {
	s, l := d.s, &d.s.m.list
	t := widget.NewTable([]widget.Column{
		{Title: s.text("documents.column.name"), Sample: "　　　　　　　　", Grow: true},
		{Title: s.text("documents.column.kind"), Sample: "docx", Spare: 1},
		{Title: s.text("documents.column.pages"), Sample: "0000", End: true, Spare: 2},
		{Title: s.text("documents.column.passages"), Sample: "00000", End: true},
		{Title: s.text("documents.column.state"), Sample: s.text("documents.state.old")},
		{Title: s.text("documents.column.added"), Sample: "2000-00-00 00:00", Spare: 3},
	})
	t.Rows = func() int { return len(l.rows) }
	t.Cell = func(row, col int) widget.Cell {
		r := l.rows[row]
		c := widget.Cell{Text: r.cells[col]}
		switch {
		case column(col) == columnState && r.doc.State == core.DocumentFailed:
			c.Color = fynetheme.ColorNameError
		case column(col) == columnState && (r.doc.State == core.DocumentPending || r.doc.Reason != ""):
			c.Color = fynetheme.ColorNameWarning
		case column(col) != columnName:
			c.Color = theme.ColorSecondary
		}
		return c
	}
	t.Marked = func(row int) bool { return l.marked[l.rows[row].doc.ID] }
	t.Sorted = func() (int, bool) { return int(l.sort), l.down }
	t.OnSort = func(col int) { l.sortBy(column(col)) }
	t.OnMove = func(row int, how widget.Move) {
		l.goTo(row, how)
	}
	t.OnOpen = func(row int) { s.m.opened.open(l.rows[row].doc, 1) }
	t.OnAll = l.markAll
	t.OnKey = func(k *fyne.KeyEvent) bool {
		if k.Name == fyne.KeyDelete {
			s.m.remove()
			return true
		}
		return false
	}
	return t
}

// makeEmpty is what a person sees first: what to do.
func (d *documents) makeEmpty() fyne.CanvasObject {
	s := d.s
	d.first = button(s.text("documents.addfiles"), fynetheme.ContentAddIcon(), strong, s.addFiles)
	return widget.NewInset(24, 40, 24, 0, nil, widget.NewColumn(14,
		widget.NewProse(widget.NewRuler(fynetheme.Size(fynetheme.SizeNameSubHeadingText)), widget.Run{Text: s.text("documents.empty.title"), Bold: true}),
		s.words(s.text("documents.empty.text")),
		widget.NewFlow(gap, d.first,
			button(s.text("documents.addfolder"), fynetheme.FolderNewIcon(), plain, s.addFolder),
			button(s.text("documents.empty.samples"), fynetheme.DocumentIcon(), plain, s.m.adding.addSamples),
		)))
}

// update takes the rows anew.
func (d *documents) update() {
	l := &d.s.m.list
	var shown fyne.CanvasObject = d.table
	if l.loaded && len(l.all) == 0 {
		shown = d.empty
	}
	tools := d.root.Objects[0]
	tools.Show()
	if shown == d.empty {
		tools.Hide()
	}
	canvas := d.s.p.Shell.Window().Canvas()
	had := canvas.Focused() == d.table.Focus() || canvas.Focused() == fyne.Focusable(d.first)
	moved := d.middle.Objects[0] != shown
	d.middle.Objects = []fyne.CanvasObject{shown}
	d.none.Hide()
	if len(l.all) > 0 && len(l.rows) == 0 {
		d.none.Show()
	}
	d.table.Update()
	d.middle.Refresh()
	d.marks()
	if had && moved {
		d.s.Focus() // the keyboard follows
	}
}

// marks shows what is marked, and what is known of the document at the cursor.
func (d *documents) marks() {
	m, l := d.s.m, &d.s.m.list
	count := l.counts()
	if !l.loaded {
		count = m.Text("documents.loading")
	}
	d.count.SetRuns([]widget.Run{{Text: count, Color: theme.ColorSecondary}})
	foot := widget.Run{Color: theme.ColorSecondary}
	now, ok := l.current()
	if ok {
		foot.Text = now.Source
		if now.Reason != "" {
			foot.Text, foot.Color = now.Source+"\n"+now.Reason+" "+now.Hint, fynetheme.ColorNameError
		}
	}
	d.foot.SetRuns([]widget.Run{foot})
	d.count.Show()
	if len(l.all) == 0 && l.loaded {
		d.count.Hide()
	}
	if len(l.rows) > 0 && d.table.Cursor() != l.at() {
		d.table.SetCursor(l.at())
	}
	can(d.openIt, ok && (now.State != core.DocumentFailed || now.Chunks > 0))
	can(d.remove, ok)
	d.table.Marks()
	d.root.Refresh()
}

func can(b *widget.Button, yes bool) {
	if yes {
		b.Enable()
	} else {
		b.Disable()
	}
}

package training

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/core"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

const (
	rowKept    = core.RowKept
	rowDropped = core.RowDropped
)

// questions is the first page: where questions come from, and the table of them.
type questions struct {
	s      *Screen
	root   *fyne.Container
	empty  *widget.Sheet
	full   *fyne.Container
	first  *widget.Button // of the empty page
	tools  *widget.Box
	all    []*widget.Button // that begin something
	choose *widget.Choice
	about  *widget.Prose
	issues *widget.Button
	filter *widget.Entry
	shows  *widget.Choice
	table  *widget.Table
	count  *widget.Prose
	detail *widget.Prose
	acts   []*widget.Button // on the chosen rows
	source *widget.Button
}

func (s *Screen) makeQuestions() *page {
	q := &questions{s: s}
	s.questions = q
	q.empty, q.full = q.makeEmpty(), q.makeFull()
	q.root = container.NewStack(q.empty, q.full)
	return &page{q.root, q.update, q.focus}
}

// sources are the buttons that make questions.
func (q *questions) sources(strong bool) []fyne.CanvasObject {
	s := q.s
	importance := fynewidget.MediumImportance
	click := s.button("training.click", fynetheme.MediaPlayIcon(), fynewidget.HighImportance, s.m.clickAll)
	if strong {
		q.first = click
	}
	buttons := []*widget.Button{
		click,
		s.button("training.from.documents", fynetheme.DocumentIcon(), importance, func() { s.m.make(fromDocuments) }),
		s.button("training.from.file", fynetheme.FolderOpenIcon(), importance, s.pickFile),
		s.button("training.from.corrections", fynetheme.DocumentCreateIcon(), importance, func() { s.m.make(fromCorrections) }),
		s.button("training.options", fynetheme.SettingsIcon(), fynewidget.LowImportance, s.options),
	}
	var out []fyne.CanvasObject
	for _, b := range buttons {
		q.all = append(q.all, b)
		out = append(out, b)
	}
	return out
}

// makeEmpty is what a person sees first: what this is, and the one button.
func (q *questions) makeEmpty() *widget.Sheet {
	s := q.s
	flow := widget.NewFlow(gap, q.sources(true)...)
	return widget.NewSheet(900*s.ink.scale, widget.NewInset(20, 16, 20, 20, nil, widget.NewColumn(
		12, s.title("training.title"), s.words("training.intro"), s.words("training.intro.click"), flow,
		s.aside(s.text("training.intro.steps")),
	)))
}

func (q *questions) makeFull() *fyne.Container {
	s, r := q.s, &q.s.m.review
	buttons := q.sources(false)
	q.choose = widget.NewChoice(nil, func(i int) {
		if i >= 0 && i < len(s.m.sets) {
			s.m.choose(s.m.sets[i].ID)
		}
	})
	export := s.button("training.export", fynetheme.DocumentSaveIcon(), fynewidget.LowImportance, s.exportFile)
	remove := s.button("training.remove", fynetheme.DeleteIcon(), fynewidget.LowImportance, s.m.remove)
	q.tools = widget.NewFlow(gap, append(buttons, container.New(widget.AtLeast{Width: 320 * s.ink.scale}, q.choose))...)
	q.about = s.prose(s.ink.small)
	q.issues = s.button("training.problems.show", nil, fynewidget.LowImportance, s.showProblems)
	q.filter = widget.NewEntry()
	q.filter.SetPlaceHolder(s.text("training.filter"))
	q.filter.SetText(r.query)
	q.filter.OnChanged = r.setQuery
	q.filter.OnSubmitted = func(string) { s.shell.Window().Canvas().Focus(q.table.Focus()) }
	q.filter.OnEscape = func() {
		q.filter.SetText("")
		s.shell.Window().Canvas().Focus(q.table.Focus())
	}
	var names []string
	for _, k := range shows {
		names = append(names, s.text("training.show."+string(k)))
	}
	q.shows = widget.NewChoice(names, func(i int) {
		if i >= 0 && i < len(shows) {
			r.setShow(shows[i])
		}
	})
	q.shows.Choose(max(0, indexOf(shows, r.show)))
	q.count = s.aside("")
	find := widget.NewFlow(gap, container.New(widget.AtLeast{Width: 220 * s.ink.scale}, q.filter), container.New(widget.AtLeast{Width: 170 * s.ink.scale}, q.shows), export, remove, q.issues)
	q.table = q.makeTable()
	q.detail = s.prose(s.ink.body)
	q.acts = []*widget.Button{
		s.button("training.accept", fynetheme.ConfirmIcon(), fynewidget.MediumImportance, func() { s.decide(rowKept) }),
		s.button("training.edit", fynetheme.DocumentCreateIcon(), fynewidget.MediumImportance, s.editRow),
		s.button("training.drop", fynetheme.CancelIcon(), fynewidget.MediumImportance, func() { s.decide(rowDropped) }),
	}
	q.source = s.button("training.source", fynetheme.DocumentIcon(), fynewidget.LowImportance, s.openSource)
	undo := s.button("training.undo", fynetheme.ContentUndoIcon(), fynewidget.LowImportance, s.undo)
	next := s.button("training.next.settings", fynetheme.NavigateNextIcon(), fynewidget.HighImportance, func() { s.leaf(1) })
	foot := widget.NewFlow(gap, q.acts[0], q.acts[1], q.acts[2], q.source, undo, next)
	sheet := widget.NewSheet(0, widget.NewInset(10, 6, 10, 6, widget.NewPanelBack(fynetheme.ColorNameInputBackground), q.detail))
	return container.New(widget.Down{Fill: 3, Gap: gap}, q.tools, q.about, find, q.table, q.count, container.New(widget.AtLeast{Height: 4.4 * s.ink.body.Line()}, sheet), foot)
}

func indexOf[T comparable](all []T, one T) int {
	for i, a := range all {
		if a == one {
			return i
		}
	}
	return -1
}

func (q *questions) makeTable() *widget.Table {
	s, r := q.s, &q.s.m.review
	t := widget.NewTable([]widget.Column{
		{Title: s.text("training.column.state"), Sample: s.text("training.rowstate.open") + " ◇ "},
		{Title: s.text("training.column.question"), Sample: "　　　　　　　", Grow: true},
		{Title: s.text("training.column.answer"), Sample: "　　　　　　", Grow: true},
		{Title: s.text("training.column.source"), Sample: "　　　　　　　　　　　", Spare: 1},
		{Title: s.text("training.column.origin"), Sample: s.text("training.origin.without"), Spare: 2},
	})
	t.Rows = func() int { return len(r.rows) }
	t.Cell = func(row, col int) widget.Cell {
		e := r.at(row)
		c := widget.Cell{}
		if e.state == rowDropped {
			c.Color = fynetheme.ColorNameDisabled
		}
		switch col {
		case 0:
			c.Text = s.text("training.rowstate." + stateName(e.state))
			if e.held {
				c.Text += " ◇"
			}
			if e.state == rowKept {
				c.Color = fynetheme.ColorNameSuccess
			}
		case 1:
			c.Text = oneLine(e.question)
		case 2:
			c.Text = oneLine(e.answer)
			if e.refusal && e.state != rowDropped {
				c.Color = theme.ColorSecondary
			}
		case 3:
			c.Text = e.where
		case 4:
			c.Text = s.text("training.origin." + string(e.origin))
		}
		return c
	}
	t.Marked = func(row int) bool { return r.marked[r.at(row).id] }
	t.OnMove = func(row int, how widget.Move) {
		r.goTo(row, how)
	}
	t.OnOpen = func(int) { s.editRow() }
	t.OnAll = r.markAll
	t.OnKey = func(k *fyne.KeyEvent) bool {
		if k.Name == fyne.KeyDelete {
			s.decide(rowDropped)
			return true
		}
		return false
	}
	return t
}

func stateName(s core.RowState) string {
	if s == core.RowOpen {
		return "open"
	}
	return string(s)
}

// oneLine is a text without line ends, as long as a cell could show.
func oneLine(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(text), " ")
	if rs := []rune(text); len(rs) > most {
		return string(rs[:most])
	}
	return text
}

func (q *questions) focus() fyne.Focusable {
	if q.full.Visible() {
		return q.table.Focus()
	}
	return q.first
}

func (q *questions) update(c change) {
	m := q.s.m
	d, ok := m.dataset()
	flips := q.empty.Hidden != ok
	q.empty.Hidden, q.full.Hidden = ok, !ok
	if flips && q.s.shown && q.s.inside() {
		defer q.s.Focus() // what had the keyboard is gone
	}
	if !ok {
		for _, b := range q.all {
			can(b, m.work == nil)
		}
		q.root.Refresh()
		return
	}
	if c&changedStep != 0 {
		for _, b := range q.all {
			can(b, m.work == nil)
		}
		names := m.named()
		if strings.Join(names, "\x00") != strings.Join(q.choose.Options, "\x00") {
			q.choose.Options = names
		}
		for i, set := range m.sets {
			if set.ID == d.ID && q.choose.SelectedIndex() != i {
				q.choose.Choose(i)
			}
		}
		q.about.SetRuns(runs(m.about(d)))
		q.issues.Hidden = d.ProblemCount == 0
	}
	if c&changedRows != 0 {
		q.table.Update()
	}
	if c&(changedRows|changedMarks) != 0 {
		q.marks()
	}
	if c&(changedStep|changedRows|changedMarks) != 0 {
		q.tools.Refresh()
		q.full.Refresh()
	}
}

// marks shows what is marked, and the row at the cursor whole.
func (q *questions) marks() {
	s, r := q.s, &q.s.m.review
	kept, dropped := r.counts()
	key := "training.count"
	if r.reading {
		key = "training.count.reading"
	}
	text := s.text(key, len(r.rows), len(r.all), kept, dropped)
	if n := len(r.marked); n > 0 {
		text += "   " + s.text("training.count.marked", n)
	}
	q.count.SetRuns([]widget.Run{{Text: text, Color: theme.ColorSecondary}})
	e, ok := r.current()
	for _, b := range q.acts {
		can(b, ok)
	}
	can(q.acts[1], ok && len(r.marked) < 2)
	can(q.source, ok && e.source != nil)
	var told []widget.Run
	if ok {
		label := func(key string) widget.Run { return widget.Run{Text: s.text(key) + "  ", Color: theme.ColorSecondary} }
		told = []widget.Run{label("training.row.question"), {Text: e.question + "\n", Bold: true}, label("training.row.answer"), {Text: e.answer + "\n"}}
		if e.where != "" {
			told = append(told, label("training.row.source"), widget.Run{Text: e.where, Color: fynetheme.ColorNameHyperlink, Tap: s.openSource})
		}
		if e.refusal {
			told = append(told, widget.Run{Text: "   " + s.text("training.row.refusal."+string(e.origin)), Color: theme.ColorSecondary})
		}
		if e.held {
			told = append(told, widget.Run{Text: "   ◇ " + s.text("training.row.held"), Color: theme.ColorSecondary})
		}
	}
	q.detail.SetRuns(told)
	if at := r.place(); at >= 0 && q.table.Cursor() != at {
		q.table.SetCursor(at)
	}
	q.table.Marks()
}

// decide gives the chosen rows a state, on the first page only.
func (s *Screen) decide(to core.RowState) {
	if s.m.step == stepQuestions && s.m.set != "" {
		s.m.review.decide(to)
	}
}

func (s *Screen) undo() {
	if s.m.step == stepQuestions && s.m.set != "" {
		s.m.review.takeBack()
	}
}

// openSource shows the page that the chosen row, or the exam's question, was made of.
func (s *Screen) openSource() {
	switch s.m.step {
	case stepQuestions:
		if e, ok := s.m.review.current(); ok {
			d, _ := s.m.dataset()
			s.m.openSource(e.source, d.Collection)
		}
	case stepExam:
		if i, ok := s.m.paper.item(); ok {
			s.m.openSource(i.Source, s.m.host.Collection())
		}
	}
}

func (s *Screen) toFilter() {
	s.m.show(stepQuestions)
	if s.questions != nil && s.m.set != "" {
		s.shell.Window().Canvas().Focus(s.questions.filter)
	}
}

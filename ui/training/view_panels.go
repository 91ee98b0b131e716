package training

import (
	"path/filepath"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/core/dataset"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// questionFile says whether a file may hold questions and answers.
func questionFile(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jsonl", ".csv", ".tsv", ".xlsx":
		return true
	}
	return false
}

func (s *Screen) pickFile() {
	s.shell.PickFiles(func(paths []string) {
		if len(paths) > 0 {
			s.importFile(paths[0])
		}
	})
}

func (s *Screen) exportFile() {
	d, ok := s.m.dataset()
	if !ok {
		return
	}
	s.shell.PickSave(strings.ReplaceAll(d.Name, string(filepath.Separator), "_")+".csv", s.m.export)
}

// panel shows something over the window.
func (s *Screen) panel(title string, content fyne.CanvasObject, size fyne.Size, focus fyne.Focusable, buttons ...*widget.Button) *widget.Panel {
	return widget.ShowPanel(widget.PanelParams{Canvas: s.shell.Window().Canvas(), Title: title, Content: content, Buttons: buttons, Focus: focus, Size: size})
}

// options of how questions are made.
func (s *Screen) options() {
	b := &s.m.build
	var p *widget.Panel
	entry := func(value string) *widget.Entry {
		e := widget.NewEntry()
		e.SetText(value)
		e.OnEscape = func() { p.Close() }
		return e
	}
	percent := func(x, standard float64) string {
		switch {
		case x == 0:
			x = standard
		case x < 0:
			x = 0
		}
		return strconv.FormatFloat(100*x, 'f', -1, 64)
	}
	share, held := entry(percent(b.Share, dataset.DefaultShare)), entry(percent(b.Held, dataset.DefaultHeld))
	rows := b.Rows
	if rows == 0 {
		rows = dataset.DefaultRows
	}
	most := entry(strconv.Itoa(rows))
	model := widget.NewTick(s.text("training.options.model"), nil)
	model.SetChecked(!b.NoModel)
	corrections := widget.NewTick(s.text("training.options.corrections"), nil)
	corrections.SetChecked(!b.NoCorrections)
	model.OnEscape, corrections.OnEscape = func() { p.Close() }, func() { p.Close() }
	named := func(key string, e *widget.Entry, usual any) fyne.CanvasObject {
		return widget.NewColumn(2, s.words(key), container.New(widget.AtLeast{Width: 120}, e), s.aside(s.text(key+".about", usual)))
	}
	apply := func() {
		part := func(e *widget.Entry, most float64) (float64, bool) {
			x, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(e.Text), "%"), 64)
			if err != nil || x < 0 || x > most {
				return 0, false
			}
			if x == 0 {
				return -1, true // none
			}
			return x / 100, true
		}
		sh, ok := part(share, 90)
		he, ok2 := part(held, 90)
		n, err := strconv.Atoi(strings.TrimSpace(most.Text))
		if !ok || !ok2 || err != nil || n < 1 || n > dataset.MaxRows {
			p.Say(s.text("training.options.wrong", dataset.MaxRows))
			return
		}
		b.Share, b.Held, b.Rows, b.NoModel, b.NoCorrections = sh, he, n, !model.Checked, !corrections.Checked
		p.Close()
	}
	ok := widget.NewButton(s.text("training.options.ok"), nil, apply)
	ok.Importance = fynewidget.HighImportance
	cancel := widget.NewButton(s.text("ui.cancel"), nil, func() { p.Close() })
	content := widget.NewSheet(0, widget.NewColumn(10, named("training.options.share", share, 100*dataset.DefaultShare), named("training.options.held", held, 100*dataset.DefaultHeld), named("training.options.rows", most, dataset.DefaultRows), model, corrections))
	p = s.panel(s.text("training.options.title"), content, fyne.NewSize(620, 520), share, cancel, ok)
}

// editRow opens the chosen row: its question and answer can be written anew.
func (s *Screen) editRow() {
	e, ok := s.m.review.current()
	if !ok || s.m.step != stepQuestions {
		return
	}
	id, where := e.id, e.where
	var p *widget.Panel
	question, answer := widget.NewMultiLineEntry(), widget.NewMultiLineEntry()
	question.SetText(e.question)
	answer.SetText(e.answer)
	question.OnEscape, answer.OnEscape = func() { p.Close() }, func() { p.Close() }
	var save *widget.Button
	apply := func() {
		if strings.TrimSpace(question.Text) == "" || strings.TrimSpace(answer.Text) == "" {
			p.Say(s.text("training.edit.empty"))
			return
		}
		save.Disable()
		s.m.review.edit(id, question.Text, answer.Text, func(err error) {
			if err != nil {
				save.Enable()
				p.Say(s.m.sentence(err))
				return
			}
			p.Close()
		})
	}
	save = widget.NewButton(s.text("training.edit.save"), nil, apply)
	save.Importance = fynewidget.HighImportance
	cancel := widget.NewButton(s.text("ui.cancel"), nil, func() { p.Close() })
	about := s.aside(s.text("training.edit.about"))
	if where != "" {
		about = s.aside(s.text("training.edit.source", where) + "\n" + s.text("training.edit.about"))
	}
	content := widget.NewColumn(
		4, s.words("training.row.question"), container.New(widget.AtLeast{Height: 3.4 * s.ink.body.Line()}, question),
		s.words("training.row.answer"), container.New(widget.AtLeast{Height: 4.6 * s.ink.body.Line()}, answer), about,
	)
	p = s.panel(s.text("training.edit.title"), widget.NewSheet(0, content), fyne.NewSize(680, 460), answer, cancel, save)
}

// showProblems lists what an import could not take.
func (s *Screen) showProblems() {
	d, ok := s.m.dataset()
	if !ok {
		return
	}
	text := s.m.problems(d)
	var p *widget.Panel
	end := widget.NewButton(s.text("ui.close"), nil, func() { p.Close() })
	clip := widget.NewButton(s.text("ui.error.copy"), fynetheme.ContentCopyIcon(), func() { s.shell.Clipboard(text) })
	p = s.panel(s.text("training.problems.title"), widget.NewSheet(0, s.prose(s.ink.body, widget.Run{Text: text})), fyne.NewSize(680, 480), end, clip, end)
}

// importer maps the columns of a file and shows its beginning.
type importer struct {
	s       *Screen
	path    string
	columns dataset.Columns
	table   dataset.Table
	panel   *widget.Panel
	choices []*widget.Choice
	said    *widget.Prose
	sample  *widget.Prose
	take    *widget.Button
}

// columnUses are what a column of a file may be.
var columnUses = []struct {
	key string
	at  func(*dataset.Columns) *string
}{
	{"question", func(c *dataset.Columns) *string { return &c.Question }},
	{"answer", func(c *dataset.Columns) *string { return &c.Answer }},
	{"passages", func(c *dataset.Columns) *string { return &c.Passages }},
	{"refusal", func(c *dataset.Columns) *string { return &c.Refusal }},
	{"inputs", func(c *dataset.Columns) *string { return &c.Inputs }},
	{"labels", func(c *dataset.Columns) *string { return &c.Labels }},
}

// importFile reads a file's beginning, and asks which column is what.
func (s *Screen) importFile(path string) {
	s.m.preview(path, dataset.Columns{}, func(t dataset.Table, err error) {
		if err != nil {
			s.shell.ShowError(err)
			return
		}
		i := &importer{s: s, path: path, table: t, columns: t.Columns}
		i.show()
	})
}

func (i *importer) show() {
	s := i.s
	none := s.text("training.import.none")
	options := append([]string{none}, i.table.Names...)
	var rows []fyne.CanvasObject
	for _, use := range columnUses {
		c := widget.NewChoice(options, func(k int) {
			at := use.at(&i.columns)
			if *at = ""; k > 0 {
				*at = options[k]
			}
			i.again()
		})
		c.Choose(max(0, indexOf(options, *use.at(&i.columns))))
		c.OnEscape = func() { i.panel.Close() }
		i.choices = append(i.choices, c)
		rows = append(rows, widget.NewHanging(200*s.ink.scale, s.words("training.import."+use.key), container.New(widget.AtLeast{Width: 220}, c)))
	}
	i.said, i.sample = s.prose(s.ink.body), s.prose(s.ink.small)
	i.take = widget.NewButton(s.text("training.import.take"), nil, func() {
		i.panel.Close()
		s.m.bring(i.path, i.columns)
	})
	i.take.Importance = fynewidget.HighImportance
	cancel := widget.NewButton(s.text("ui.cancel"), nil, func() { i.panel.Close() })
	content := widget.NewSheet(0, widget.NewColumn(8, append([]fyne.CanvasObject{s.aside(s.text("training.import.about"))}, append(rows, i.said, i.sample)...)...))
	i.tell()
	i.panel = s.panel(s.text("training.import.title", filepath.Base(i.path)), content, fyne.NewSize(760, 620), i.choices[0], cancel, i.take)
}

// again looks at the file with the columns as they are chosen now.
func (i *importer) again() {
	want := i.columns
	i.s.m.preview(i.path, want, func(t dataset.Table, err error) {
		if want != i.columns {
			return
		}
		i.panel.Say("")
		if err != nil {
			can(i.take, false)
			i.panel.Say(i.s.m.sentence(err))
			return
		}
		can(i.take, true)
		i.table = t
		i.tell()
	})
}

// tell shows the file's beginning as it would be taken, and what is wrong in it.
func (i *importer) tell() {
	s, t := i.s, i.table
	lines := []line{{s.text("training.import.found", len(t.Records), t.Lines, t.Charset), linePlain}}
	if n := len(t.Problems); n > 0 {
		lines = append(lines, line{s.text("training.problems", n), lineWarn})
		for k, p := range t.Problems {
			if k == 3 {
				break
			}
			lines = append(lines, line{s.text("training.problem.line", p.Line, s.text(p.Key, p.Args...)), lineWarn})
		}
	}
	can(i.take, len(t.Records) > 0)
	i.said.SetRuns(runs(lines))
	var sample []widget.Run
	for k, r := range t.Records {
		if k == 3 {
			break
		}
		q, a := r.Question, r.Answer
		if t.Given() {
			q, a = r.Inputs, r.Labels
		}
		sample = append(sample, widget.Run{Text: s.text("training.row.question") + "  ", Color: theme.ColorSecondary}, widget.Run{Text: oneLine(q) + "\n"},
			widget.Run{Text: s.text("training.row.answer") + "  ", Color: theme.ColorSecondary}, widget.Run{Text: oneLine(a) + "\n"})
	}
	i.sample.SetRuns(sample)
}

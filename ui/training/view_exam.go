package training

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/record"
	"kakoi/core/exam"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// examPage is the fourth page: before and after on questions that were kept back.
type examPage struct {
	s       *Screen
	root    *fyne.Container
	intro   *widget.Prose
	begin   *widget.Button
	adopt   *widget.Button
	png     *widget.Button
	tools   *widget.Box
	state   *widget.Prose
	bar     *fynewidget.ProgressBar
	bars    *widget.Bars
	left    *widget.Sheet
	column  *widget.Box
	table   *widget.Table
	picks   *widget.Choice
	asked   *widget.Prose
	both    *widget.Box
	answers [2]*widget.Prose
	source  *widget.Button
	split   *container.Split
	drawn   record.Exam
}

func (s *Screen) makeExam() *page {
	p := &examPage{s: s, intro: s.words("training.exam.intro"), state: s.prose(s.ink.body), bar: fynewidget.NewProgressBar(), bars: widget.NewBars(), asked: s.prose(s.ink.body)}
	p.begin = s.button("training.exam.begin", fynetheme.MediaPlayIcon(), fynewidget.HighImportance, s.m.examine)
	p.adopt = s.button("training.exam.adopt", fynetheme.NavigateNextIcon(), fynewidget.HighImportance, s.m.adopt)
	p.png = s.button("training.chart.png", fynetheme.DocumentSaveIcon(), fynewidget.LowImportance, func() {
		s.shell.PickSave("exam.png", func(path string) { s.saveTo(path, p.bars.SavePNG) })
	})
	p.tools = widget.NewFlow(gap, p.begin, p.adopt, p.png)
	p.column = widget.NewColumn(8, p.state, p.bar, p.bars)
	p.left = widget.NewSheet(0, widget.NewInset(8, 8, 8, 8, widget.NewPanelBack(fynetheme.ColorNameInputBackground), p.column))
	var names []string
	for _, k := range picks {
		names = append(names, s.text("training.pick."+string(k)))
	}
	p.picks = widget.NewChoice(names, func(i int) {
		if i >= 0 && i < len(picks) {
			s.m.paper.setPick(picks[i])
		}
	})
	p.picks.Choose(max(0, indexOf(picks, s.m.paper.pick)))
	p.table = p.makeTable()
	for i := range p.answers {
		p.answers[i] = s.prose(s.ink.body)
	}
	p.both = widget.NewPair(10, p.answers[0], p.answers[1])
	p.source = s.button("training.source", fynetheme.DocumentIcon(), fynewidget.LowImportance, s.openSource)
	detail := widget.NewSheet(0, widget.NewInset(10, 8, 10, 8, widget.NewPanelBack(fynetheme.ColorNameInputBackground),
		widget.NewColumn(8, p.asked, p.both, widget.NewFlow(gap, p.source))))
	right := container.NewVSplit(container.New(widget.Down{Fill: 1, Gap: gap}, container.New(widget.AtLeast{Width: 180}, p.picks), p.table), detail)
	right.Offset = 0.5
	p.split = container.NewHSplit(p.left, right)
	p.split.Offset = 0.42
	p.root = container.New(widget.Down{Fill: 2, Gap: gap}, p.intro, p.tools, p.split)
	return &page{p.root, p.update, p.focus}
}

func (p *examPage) makeTable() *widget.Table {
	s, k := p.s, &p.s.m.paper
	t := widget.NewTable([]widget.Column{
		{Title: s.text("training.column.question"), Sample: "　　　　　　　", Grow: true},
		{Title: s.text("training.before"), Sample: "　　"},
		{Title: s.text("training.after"), Sample: "　　"},
	})
	t.Rows = func() int { return len(k.rows) }
	t.Cell = func(row, col int) widget.Cell {
		i := k.items[k.rows[row]]
		m := i.Base
		switch col {
		case 0:
			if i.Refusal { // the same question may stand there with its passage
				return widget.Cell{Text: s.text("training.exam.refusal", oneLine(i.Question)), Color: theme.ColorSecondary}
			}
			return widget.Cell{Text: oneLine(i.Question)}
		case 2:
			m = i.Tuned
		}
		c := widget.Cell{Text: mark(m), Color: fynetheme.ColorNameError}
		if m.Right {
			c.Color = fynetheme.ColorNameSuccess
		}
		return c
	}
	t.OnMove = func(row int, _ widget.Move) { k.goTo(row) }
	t.OnOpen = func(int) { s.openSource() }
	return t
}

func (p *examPage) focus() fyne.Focusable {
	if p.s.m.work != nil {
		return nil // the button that comes next waits for the end of it
	}
	for _, b := range []*widget.Button{p.adopt, p.begin} {
		if b.Visible() && !b.Disabled() {
			return b
		}
	}
	if len(p.s.m.paper.rows) == 0 {
		return nil // the records are not read yet
	}
	return p.table.Focus()
}

func (p *examPage) update(c change) {
	s, m := p.s, p.s.m
	if c&(changedStep|changedExam|changedItem) == 0 {
		return
	}
	e, ok := m.currentExam()
	if c&(changedStep|changedExam) != 0 {
		_, trained := m.trained()
		done := ok && e.State == record.RunDone
		visible(p.begin, !done)
		visible(p.adopt, done)
		visible(p.png, ok)
		can(p.begin, trained && m.work == nil)
		can(p.adopt, m.work == nil)
		p.split.Hidden = !ok
		p.bar.Hidden = !ok || done || e.Total == 0
		lines := []line{}
		switch {
		case ok && e.State == record.RunFailed && e.Failure != nil:
			lines = append(lines, line{m.sentence(e.Failure.Err()), lineBad})
		case done:
			lines = m.decided(e)
		case ok:
			lines = append(lines, line{s.text("training.exam.progress", e.Done, e.Total), linePlain})
		}
		p.state.SetRuns(runs(lines))
		if e.Total > 0 {
			p.bar.SetValue(float64(e.Done) / float64(e.Total))
		}
		if ok {
			p.bars.SetBars(m.bars(e))
		}
		p.intro.Hidden = ok
		p.table.Update()
		if len(m.paper.rows) > 0 && p.table.Cursor() != m.paper.at {
			p.table.SetCursor(m.paper.at)
		}
		p.column.Refresh()
		p.left.Fit()
		p.tools.Refresh()
	}
	p.item()
	p.root.Refresh()
}

// item shows the chosen question with both answers side by side.
func (p *examPage) item() {
	s, m := p.s, p.s.m
	i, ok := m.paper.item()
	visible(p.source, ok && i.Source != nil)
	if !ok {
		p.asked.SetRuns(nil)
		p.answers[0].SetRuns(nil)
		p.answers[1].SetRuns(nil)
		return
	}
	told := []widget.Run{{Text: i.Question, Bold: true}, {Text: "\n" + s.text("training.expected") + "  ", Color: theme.ColorSecondary}, {Text: strings.TrimSpace(i.Expected)}}
	p.asked.SetRuns(told)
	e, _ := m.currentExam()
	before, after := m.names(e)
	for k, side := range []struct {
		name string
		mark exam.Mark
	}{{before, i.Base}, {after, i.Tuned}} {
		j := m.judged(i, side.mark)
		p.answers[k].SetRuns([]widget.Run{
			{Text: side.name + "\n", Color: theme.ColorSecondary}, {Text: strings.TrimSpace(side.mark.Answer) + "\n"},
			{Text: mark(side.mark) + " " + j.text, Color: lineColor(j.kind)},
		})
	}
	p.both.Refresh()
}

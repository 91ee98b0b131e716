package training

import (
	"fmt"
	"io"
	"os"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/record"
	"kakoi/ui/widget"
)

// runPage is the third page: the run as it goes.
type runPage struct {
	s       *Screen
	root    *fyne.Container
	choose  *widget.Choice
	state   *widget.Prose
	facts   *widget.Prose
	bar     *fynewidget.ProgressBar
	chart   *widget.LossChart
	log     *widget.Tick
	pause   *widget.Button
	goOn    *widget.Button
	keep    *widget.Button
	discard *widget.Button
	next    *widget.Button
	buttons *widget.Box
	tools   *widget.Box
	none    *widget.Prose
	drawn   string // what the chart shows
}

func (s *Screen) makeRun() *page {
	p := &runPage{s: s, state: s.prose(s.ink.body), facts: s.prose(s.ink.small), bar: fynewidget.NewProgressBar(), none: s.words("training.run.none")}
	m := s.m
	p.choose = widget.NewChoice(nil, func(i int) {
		if i >= 0 && i < len(m.runs) {
			m.chooseRun(m.runs[i].ID)
		}
	})
	p.bar.TextFormatter = func() string { return fmt.Sprintf("%.0f%%", p.bar.Value*100) }
	p.chart = widget.NewLossChart(fyne.NewSize(240, 140))
	p.log = widget.NewTick(s.text("training.chart.log"), p.setLog)
	p.chart.OnLog = func(on bool) { p.log.SetChecked(on) }
	p.pause = s.button("training.run.pause", fynetheme.MediaPauseIcon(), fynewidget.MediumImportance, m.pause)
	p.goOn = s.button("training.run.goon", fynetheme.MediaPlayIcon(), fynewidget.HighImportance, m.train)
	p.keep = s.button("training.run.keep", fynetheme.MediaStopIcon(), fynewidget.MediumImportance, m.keepBest)
	p.discard = s.button("training.run.remove", fynetheme.DeleteIcon(), fynewidget.LowImportance, m.discard)
	p.next = s.button("training.next.exam", fynetheme.NavigateNextIcon(), fynewidget.HighImportance, func() { s.leaf(1) })
	png := s.button("training.chart.png", fynetheme.DocumentSaveIcon(), fynewidget.LowImportance, func() { p.save(".png", p.chart.SavePNG) })
	svg := s.button("training.chart.svg", fynetheme.DocumentSaveIcon(), fynewidget.LowImportance, func() { p.save(".svg", p.chart.SaveSVG) })
	p.buttons = widget.NewFlow(gap, p.goOn, p.pause, p.keep, p.next, p.discard)
	p.tools = widget.NewFlow(gap, p.log, png, svg)
	p.root = container.New(widget.Down{Fill: 6, Gap: gap}, p.none, container.New(widget.AtLeast{Width: 300}, p.choose), p.state, p.bar, p.facts, p.buttons, p.chart, p.tools, s.aside(s.text("training.chart.keys")))
	return &page{p.root, p.update, p.focus}
}

func (p *runPage) setLog(on bool) {
	p.s.m.live.log = on
	p.s.m.tell(changedRun)
}

// save writes the chart to a file that a person chooses.
func (p *runPage) save(kind string, write func(io.Writer) error) {
	name := "loss"
	if r, ok := p.s.m.currentRun(); ok {
		name = strings.ReplaceAll(r.Name, string(os.PathSeparator), "_")
	}
	p.s.shell.PickSave(name+kind, func(path string) { p.s.saveTo(path, write) })
}

// saveTo writes a picture; a file that is only half written is taken away.
func (s *Screen) saveTo(path string, write func(io.Writer) error) {
	f, err := os.Create(path)
	if err == nil {
		if err = write(f); err == nil {
			err = f.Close()
		} else {
			f.Close()
		}
		if err != nil {
			_ = os.Remove(path)
		}
	}
	if err != nil {
		s.shell.ShowError(fmt.Errorf("save picture: %w", err))
		return
	}
	s.shell.Toast(s.text("training.chart.saved"))
}

func (p *runPage) focus() fyne.Focusable {
	if !p.none.Hidden {
		return nil // the buttons wait for a run, which may be on its way
	}
	for _, b := range []*widget.Button{p.goOn, p.next, p.pause} {
		if b.Visible() && !b.Disabled() {
			return b
		}
	}
	return nil
}

func (p *runPage) update(c change) {
	m := p.s.m
	if c&(changedStep|changedRun) == 0 {
		return
	}
	r, ok := m.currentRun()
	p.none.Hidden = ok
	for _, o := range p.root.Objects[1:] {
		if ok {
			o.Show()
		} else {
			o.Hide()
		}
	}
	if !ok {
		p.root.Refresh()
		return
	}
	names := m.namedRuns()
	if strings.Join(names, "\x00") != strings.Join(p.choose.Options, "\x00") {
		p.choose.Options = names
	}
	for i, o := range m.runs {
		if o.ID == r.ID && p.choose.SelectedIndex() != i {
			p.choose.Choose(i)
		}
	}
	told := m.progress(r)
	p.state.SetRuns([]widget.Run{{Text: told.state.text, Color: lineColor(told.state.kind), Bold: true}})
	p.facts.SetRuns(row(told.facts))
	p.bar.Hidden = told.share < 0 || r.State == record.RunDone // one that ended early would look unfinished
	if told.share >= 0 {
		p.bar.SetValue(told.share)
	}
	runs := r.State == record.RunRunning
	visible(p.pause, runs)
	visible(p.goOn, !runs && r.State != record.RunDone)
	visible(p.keep, r.State != record.RunDone && (r.Checkpoint > 0 || r.BestStep > 0))
	visible(p.discard, !runs)
	_, has := m.adapter(r.Adapter)
	visible(p.next, r.State == record.RunDone && has)
	for _, b := range []*widget.Button{p.pause, p.keep, p.discard} {
		can(b, m.work == nil)
	}
	can(p.goOn, m.work == nil && !m.training())
	if p.log.Checked != m.live.log {
		p.log.SetChecked(m.live.log)
	}
	curves := m.live.curves()
	if as := fmt.Sprint(r.ID, len(curves.Train), len(curves.Held), curves.Best, curves.Log, curves.Steps, curves.Words); as != p.drawn {
		p.drawn = as
		p.chart.SetLoss(curves)
	}
	p.buttons.Refresh()
	p.tools.Refresh()
	p.root.Refresh()
}

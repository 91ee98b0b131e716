package library

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// notices is what stands above every part: what is being added, what waits to be gone on with, and what an add has done.
type notices struct {
	s      *Screen
	box    *widget.Box
	panel  *widget.Box
	title  *widget.Prose
	detail *widget.Prose
	bar    *fynewidget.ProgressBar
	pause  *widget.Button
	told   string // what the banners are of
}

// shownFailures is how many failures are listed; Copy has all.
const shownFailures = 50

// shownRepairs is how many lines of a repair are shown without scrolling.
const shownRepairs = 7

func newNotices(s *Screen) *notices {
	n := &notices{s: s, title: s.words(""), detail: s.aside(""), bar: fynewidget.NewProgressBar()}
	n.bar.TextFormatter = func() string { return fmt.Sprintf("%.0f%%", n.bar.Value*100) }
	n.pause = button(s.text("documents.pause"), fynetheme.MediaPauseIcon(), plain, s.m.adding.pause)
	n.panel = panel(widget.NewEdge(gap, n.title, n.pause), n.bar, n.detail)
	n.panel.Hide()
	n.box = widget.NewColumn(gap, n.panel)
	return n
}

// progress shows how far the add has come.
func (n *notices) progress() {
	b, ok := n.s.m.adding.bar()
	if !ok {
		n.panel.Hide()
		return
	}
	n.panel.Show()
	n.title.SetRuns([]widget.Run{{Text: b.title}})
	n.detail.SetRuns([]widget.Run{{Text: b.text, Color: theme.ColorSecondary}})
	n.bar.SetValue(max(0, b.share))
	can(n.pause, !n.s.m.adding.tasks[0].stopped)
	n.panel.Refresh()
	n.box.Refresh()
}

// update makes the banners anew, where they say something else now: the keyboard may be on one of them.
func (n *notices) update() {
	s, a := n.s, &n.s.m.adding
	told := fmt.Sprintf("%t %p %t %s", len(a.tasks) == 0, a.summary, a.refreshed, s.m.health.cost())
	for _, u := range a.unfinished {
		told += "\n" + u.entry.ID + " " + s.m.names(u.plan) + " " + u.plan.Collection
	}
	for _, u := range a.unreadOCR {
		told += "\nocr " + u.entry.ID + fmt.Sprint(len(u.plan.Documents))
	}
	told += "\n" + strings.Join(s.m.repaired, "\n")
	if told == n.told {
		n.progress()
		return
	}
	n.told = told
	objects := []fyne.CanvasObject{n.panel}
	if len(s.m.repaired) > 0 {
		objects = append(objects, n.repairs())
	}
	if len(a.tasks) == 0 {
		for _, u := range a.unfinished {
			objects = append(objects, panel(s.words(s.text("documents.unfinished", s.m.names(u.plan), u.plan.Collection)), widget.NewFlow(gap,
				button(s.text("documents.goon"), fynetheme.MediaPlayIcon(), strong, func() { a.resume(u) }),
				button(s.text("documents.discard"), nil, quiet, func() { a.discard(u) }))))
		}
		for _, u := range a.unreadOCR {
			objects = append(objects, panel(s.words(s.text("documents.ocr.unfinished", len(u.plan.Documents), u.plan.Collection)), widget.NewFlow(gap,
				button(s.text("documents.goon"), fynetheme.MediaPlayIcon(), strong, func() { a.recognise(u.plan) }),
				button(s.text("documents.discard"), nil, quiet, func() { a.discard(unfinished{entry: u.entry}) }))))
		}
		if s.m.health.stale > 0 {
			objects = append(objects, panel(s.words(s.m.health.cost()),
				widget.NewFlow(gap, button(s.text("documents.refresh.yes"), fynetheme.ViewRefreshIcon(), strong, s.m.health.refresh))))
		}
	}
	if a.summary != nil {
		objects = append(objects, n.summary())
	}
	n.box.Objects = objects
	n.progress()
	n.box.Refresh()
}

// repairs says what was repaired without being asked.
func (n *notices) repairs() fyne.CanvasObject {
	s := n.s
	said := s.m.repaired
	done := button(s.text("documents.close"), fynetheme.CancelIcon(), quiet, func() {
		s.m.closeRepairs()
		s.Focus() // the button is gone
	})
	list := widget.NewColumn(4)
	for _, line := range said[1:] {
		list.Objects = append(list.Objects, s.words(line))
	}
	if len(said) > shownRepairs {
		return panel(widget.NewEdge(gap, s.heading(said[0]), done), container.New(widget.AtLeast{Height: shownRepairs * s.ruler.Line()}, widget.NewSheet(0, list)))
	}
	return panel(widget.NewEdge(gap, s.heading(said[0]), done), list)
}

// summary says what an add did, and lists what failed.
func (n *notices) summary() fyne.CanvasObject {
	s, a := n.s, &n.s.m.adding
	all := a.summary.Failed
	buttons := []fyne.CanvasObject{s.words(a.sums())}
	if len(all) > 0 {
		buttons = append(buttons, button(s.text("documents.copy"), fynetheme.ContentCopyIcon(), quiet, func() {
			s.p.Shell.Clipboard(failures(all))
			s.p.Shell.Toast(s.text("documents.copied"))
		}))
	}
	buttons = append(buttons, button(s.text("documents.close"), fynetheme.CancelIcon(), quiet, func() {
		a.dismiss()
		s.Focus() // the button is gone
	}))
	objects := []fyne.CanvasObject{widget.NewEdge(gap, buttons...)}
	if len(all) > 0 {
		list := widget.NewColumn(4)
		for i, f := range all {
			if i == shownFailures {
				list.Objects = append(list.Objects, s.aside(s.text("documents.summary.rest", len(all)-i)))
				break
			}
			list.Objects = append(list.Objects, widget.NewProse(s.small,
				widget.Run{Text: f.Path + "\n", Bold: true}, widget.Run{Text: f.Reason + " ", Color: fynetheme.ColorNameError}, widget.Run{Text: f.Hint}))
		}
		high := min(float32(len(all))*(2*s.small.Line()+4), 130)
		objects = append(objects, container.New(widget.AtLeast{Height: high}, widget.NewSheet(0, list)))
	}
	return panel(objects...)
}

package models

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/pack"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// cardView shows one model.
type cardView struct {
	s      *Screen
	object fyne.CanvasObject
	boxes  []*widget.Box // inner ones first

	title, facts, place, speed, note *widget.Prose
	working                          *widget.Prose
	bar                              *fynewidget.ProgressBar
	endless                          *fynewidget.ProgressBarInfinite
	work                             *widget.Box
	use, recompute, licence          *widget.Button
	measure, check, remove, export   *widget.Button
}

func newCardView(s *Screen, name string) *cardView {
	v := &cardView{s: s}
	v.title, v.facts, v.place = s.prose(s.ink.body), s.prose(s.ink.body), s.prose(s.ink.small)
	v.speed, v.note, v.working = s.prose(s.ink.body), s.prose(s.ink.body), s.prose(s.ink.body)
	v.use = s.button("models.use", func() { s.m.use(name) })
	v.use.Importance = fynewidget.HighImportance
	v.recompute = s.button("models.recompute", s.m.recompute)
	v.recompute.Importance = fynewidget.HighImportance
	v.measure = s.button("models.measure", func() { s.m.measure(name) })
	v.check = s.button("models.check", func() { s.m.check(name) })
	v.licence = s.button("models.licence", func() { s.licence(name) })
	details := s.button("models.details", func() { s.details(name) })
	v.export = s.button("models.pack.export", func() {
		s.shell.PickSave(app.PackBase(name)+pack.Ext, func(path string) { s.m.exportPack(name, nil, path, false) })
	})
	v.export.Hidden = s.m.packs == nil
	v.remove = s.button("models.remove", func() { s.m.remove(name) })
	stop := s.button("models.stop", func() { s.m.stop(name) })
	v.bar, v.endless = fynewidget.NewProgressBar(), fynewidget.NewProgressBarInfinite()
	v.work = widget.NewColumn(4, v.working, v.bar, v.endless, widget.NewFlow(6, stop))
	buttons := widget.NewFlow(6, v.use, v.recompute, v.measure, v.check, v.licence, details, v.export, v.remove)
	row := widget.NewInset(0, 4, 0, 0, nil, buttons)
	column := widget.NewColumn(5, v.title, v.facts, v.place, v.speed, v.note, v.work, row)
	all := widget.NewInset(14, 10, 14, 12, widget.NewPanelBack(fynetheme.ColorNameInputBackground), column)
	v.object, v.boxes = all, []*widget.Box{v.work, buttons, row, column, all}
	return v
}

func set(p *widget.Prose, text string, color fyne.ThemeColorName) {
	p.Hidden = text == ""
	p.SetRuns([]widget.Run{{Text: text, Color: color}})
}

// refresh lays boxes out anew, inner ones first: what is hidden or shown in one changes its height only.
func refresh(boxes []*widget.Box) {
	for _, b := range boxes {
		b.Refresh()
	}
}

// show takes over what is known of the model now.
func (v *cardView) show(r row) {
	title := []widget.Run{{Text: r.name, Bold: true}}
	if r.inUse {
		title = append(title, widget.Run{Text: "    ✓ " + v.s.shell.Text("models.inuse"), Color: fynetheme.ColorNameSuccess})
	}
	v.title.SetRuns(append(title, widget.Run{Text: "    " + r.tags, Color: theme.ColorSecondary}))
	set(v.facts, r.facts, "")
	set(v.place, r.place, theme.ColorSecondary)
	set(v.speed, r.speed, "")
	color := fynetheme.ColorNameSuccess
	if r.bad {
		color = fynetheme.ColorNameError
	} else if r.stale {
		color = fynetheme.ColorNameWarning
	}
	set(v.note, r.note, color)
	set(v.working, r.working, "")
	v.work.Hidden = r.working == ""
	v.bar.Hidden, v.endless.Hidden = r.share < 0, r.share >= 0
	if r.share >= 0 {
		v.bar.SetValue(r.share)
	}
	if v.work.Hidden || v.endless.Hidden {
		v.endless.Stop()
	} else {
		v.endless.Start()
	}
	busy := r.working != ""
	v.use.Hidden, v.recompute.Hidden, v.licence.Hidden = r.inUse, !r.stale, len(r.licences) == 0
	for _, b := range []*widget.Button{v.use, v.measure, v.check, v.export, v.remove} {
		if busy != b.Disabled() {
			if busy {
				b.Disable()
			} else {
				b.Enable()
			}
		}
	}
	refresh(v.boxes)
}

// details shows all that is known of a model, and the hashes of its files.
func (s *Screen) details(name string) {
	c := s.m.card(name)
	if c == nil {
		return
	}
	t := s.shell.Text
	id := c.model.ID
	if id == "" {
		id = t("models.details.unknown")
	}
	lines := []string{t("models.details.folder") + "\n  " + c.model.Dir, t("models.details.id") + "\n  " + id}
	if d := c.details; d != nil {
		lines = append(lines,
			t("models.details.architecture")+"\n  "+strings.Join(s.m.facts(*d), "  ·  "),
			fmt.Sprintf("%s\n  %d", t("models.details.heads"), d.Heads),
			t("models.details.vocabulary")+"\n  "+t("models.step.tokenizer.fact", d.Tokenizer, d.Vocab),
			t("models.details.storage")+"\n  "+d.Storage+"  ·  "+t("models.step.files.fact", d.Files, amount.Bytes(d.Bytes)))
	}
	files := t("models.details.files")
	for _, f := range c.model.Files {
		files += "\n  " + f.Name + "  (" + amount.Bytes(f.Bytes) + ")\n  " + f.SHA256
	}
	if len(c.model.Files) == 0 {
		files += "\n  " + t("models.details.nohash")
	}
	text := strings.Join(append(lines, files), "\n\n")
	s.panel(t("models.details.title", name), widget.NewSheet(0, s.prose(s.ink.body, widget.Run{Text: text})), text)
}

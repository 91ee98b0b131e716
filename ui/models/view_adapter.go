package models

import (
	"fmt"
	"os"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/place"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// adapterView shows one adapter.
type adapterView struct {
	s      *Screen
	object fyne.CanvasObject
	boxes  []*widget.Box // inner ones first

	title, facts, data, scores, note *widget.Prose
	chart                            *widget.LossChart
	hold                             *fyne.Container
	use, off, compare                *widget.Button
	drawn                            string
}

func newAdapterView(s *Screen, id string) *adapterView {
	v := &adapterView{s: s}
	v.title, v.facts, v.data, v.scores, v.note = s.prose(s.ink.body), s.prose(s.ink.body), s.prose(s.ink.small), s.prose(s.ink.body), s.prose(s.ink.body)
	v.use = s.button("models.use", func() { s.m.useAdapter(id) })
	v.use.Importance = fynewidget.HighImportance
	v.off = s.button("models.adapter.off", func() { s.m.offAdapter(id) })
	v.compare = s.button("models.adapter.compare", func() { s.m.host.Navigate(place.Compare{Adapter: id}) })
	export := s.button("models.adapter.export", func() {
		s.shell.PickFolder(func(paths []string) {
			if len(paths) > 0 {
				s.m.exportAdapter(id, paths[0])
			}
		})
	})
	packed := s.button("models.pack.adapter", func() { s.m.packAdapter(id, s.shell.PickSave) })
	packed.Hidden = s.m.packs == nil
	remove := s.button("models.remove", func() { s.m.removeAdapter(id) })
	v.chart = widget.NewLossChart(fyne.NewSize(240, 130*s.ink.scale))
	v.chart.OnFocus = func() { s.sheet.Reveal(v.chart) }
	v.hold = container.NewStack(v.chart)
	buttons := widget.NewFlow(6, v.use, v.off, v.compare, export, packed, remove)
	row := widget.NewInset(0, 4, 0, 0, nil, buttons)
	column := widget.NewColumn(5, v.title, v.facts, v.data, v.scores, v.note, v.hold, row)
	all := widget.NewInset(14, 10, 14, 12, widget.NewPanelBack(fynetheme.ColorNameInputBackground), column)
	v.object, v.boxes = all, []*widget.Box{buttons, row, column, all}
	return v
}

// show takes over what is known of the adapter now.
func (v *adapterView) show(c *adapterCard) {
	r := v.s.m.adapterRow(c)
	title := []widget.Run{{Text: r.name, Bold: true}}
	if r.inUse {
		title = append(title, widget.Run{Text: "    ✓ " + v.s.shell.Text("models.inuse"), Color: fynetheme.ColorNameSuccess})
	}
	v.title.SetRuns(append(title, widget.Run{Text: "    " + r.tags, Color: theme.ColorSecondary}))
	set(v.facts, r.facts, "")
	set(v.data, r.data, theme.ColorSecondary)
	set(v.scores, r.scores, "")
	set(v.note, r.note, fynetheme.ColorNameWarning)
	v.use.Hidden, v.off.Hidden = r.inUse || !r.can, !r.inUse
	base := v.s.m.card(c.Model)
	v.compare.Hidden = !r.can || base == nil || !base.model.InUse // the chat asks the model in use
	v.hold.Hidden = len(c.losses) == 0
	curves := v.s.m.curves(c)
	if as := fmt.Sprint(len(c.losses), curves.Words); as != v.drawn {
		v.drawn = as
		v.chart.SetLoss(curves)
	}
	refresh(v.boxes)
}

// adapterFolder says whether a folder holds an adapter as PEFT writes it.
func adapterFolder(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "adapter_config.json"))
	return err == nil
}

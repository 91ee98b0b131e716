package ui

import (
	"context"
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/ui/widget"
)

// bar is the top of the window: which collection is asked, and the way to everything else.
type bar struct {
	shell   *Shell
	choose  *fynewidget.Select
	names   []string
	shown   string // collection that the Select was filled for
	setting bool   // the Select is being filled, not chosen from
	asking  bool   // a goroutine looks
	again   bool   // and has to look once more
	ease    ease   // for news; an add tells of every document
}

// lookEvery is how often the bar looks for collections while documents come.
const lookEvery = 500 * time.Millisecond

func newBar(s *Shell) *bar { return &bar{shell: s, ease: ease{every: lookEvery, post: s.Post}} }

func (b *bar) build() fyne.CanvasObject {
	s := b.shell
	b.choose = fynewidget.NewSelect(b.names, func(name string) {
		if !b.setting {
			s.SetCollection(name)
		}
	})
	b.choose.PlaceHolder = s.Text("ui.collection.none")
	b.fill()
	find := widget.NewButton(s.Text("ui.find"), fynetheme.SearchIcon(), s.openPalette)
	find.Alignment = fynewidget.ButtonAlignLeading
	label := fynewidget.NewLabel(s.Text("ui.collection"))
	label.Importance = fynewidget.LowImportance
	row := container.NewHBox(label, container.New(widget.AtLeast{Width: 220}, b.choose), layout.NewSpacer(), container.New(widget.AtLeast{Width: 320}, find))
	return container.NewVBox(container.NewPadded(row), fynewidget.NewSeparator())
}

// refresh asks which collections there are.
func (b *bar) refresh() {
	s := b.shell
	if s.services == nil {
		return
	}
	if b.again = b.asking; b.asking {
		return
	}
	b.asking = true
	s.Go(func(ctx context.Context) {
		st, err := s.services.Library.Status(ctx)
		if err != nil {
			s.Post(func() { b.asking = false })
			s.ShowError(err)
			return
		}
		names := make([]string, 0, len(st.Collections))
		for _, c := range st.Collections {
			names = append(names, c.Name)
		}
		slices.Sort(names)
		s.Post(func() {
			b.asking = false
			if b.again {
				b.refresh()
			}
			if !slices.Equal(b.names, names) || b.shown != s.collection {
				b.names = names
				b.fill()
			}
		})
	})
}

// fill shows the names and which of them is chosen.
func (b *bar) fill() {
	if b.choose == nil {
		return
	}
	b.setting = true
	defer func() { b.setting = false }()
	b.shown = b.shell.collection
	b.choose.SetOptions(b.names)
	chosen := b.shell.collection
	if chosen == "" && len(b.names) == 1 {
		chosen = b.names[0]
	}
	if chosen == "" && slices.Contains(b.names, app.DefaultCollection) {
		chosen = app.DefaultCollection
	}
	if slices.Contains(b.names, chosen) {
		b.choose.SetSelected(chosen)
	} else {
		b.choose.ClearSelected()
	}
	if len(b.names) == 0 {
		b.choose.Disable()
	} else {
		b.choose.Enable()
	}
}

package ui

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// searchPause is how long a person rests before the texts of conversations are searched too.
const searchPause = 250 * time.Millisecond

// paletteView is the open palette.
type paletteView struct {
	shell  *Shell
	model  palette
	popup  *fynewidget.PopUp
	entry  *widget.Entry
	list   *fynewidget.List
	none   *fynewidget.Label
	rows   []found
	chosen int
	typed  int    // counts changes of the query: late answers are dropped
	stop   func() // gives up the search that waits for a rest
}

// openPalette jumps to any command, document or conversation (Ctrl+K).
func (s *Shell) openPalette() {
	if s.services == nil || s.palette != nil {
		return
	}
	v := &paletteView{shell: s, stop: func() {}}
	s.palette = v
	v.model.commands = s.commands()
	v.model.fold()
	v.entry = widget.NewEntry()
	v.entry.SetPlaceHolder(s.Text("ui.palette.hint"))
	v.entry.OnChanged = v.look
	v.entry.OnSubmitted = func(string) { v.take(v.chosen) }
	v.entry.OnEscape = v.close
	v.entry.OnKey = v.key
	v.list = fynewidget.NewList(func() int { return len(v.rows) }, v.row, v.fill)
	v.list.OnSelected = func(i fynewidget.ListItemID) {
		if i != v.chosen {
			v.take(i) // by the mouse
		}
	}
	v.none = fynewidget.NewLabel(s.Text("ui.palette.none"))
	v.none.Alignment, v.none.Importance = fyne.TextAlignCenter, fynewidget.LowImportance
	content := container.NewBorder(v.entry, nil, nil, nil, container.NewStack(v.list, container.NewVBox(v.none)))
	v.popup = fynewidget.NewModalPopUp(container.NewPadded(content), s.window.Canvas())
	size := s.window.Canvas().Size()
	v.popup.Resize(fyne.NewSize(min(720, size.Width-80), min(480, size.Height-80)))
	v.popup.Show()
	s.window.Canvas().Focus(v.entry)
	v.look("")
	collection := s.collection
	s.Go(func(ctx context.Context) {
		loaded := palette{commands: v.model.commands}
		loaded.load(ctx, paletteSource{s.services.Library.List, s.services.Conversations.List}, collection)
		s.Post(func() {
			v.model = loaded
			v.again(v.entry.Text)
		})
	})
}

// commands are what the palette can do without a place.
func (s *Shell) commands() []found {
	var out []found
	for _, e := range s.entries {
		out = append(out, found{kind: "ui.palette.command", title: s.Text("ui.screen." + string(e.name)), where: e.name})
	}
	for _, sc := range s.registered {
		if sc.Text == "ui.shortcut.palette" || strings.HasPrefix(sc.Text, "ui.screen.") {
			continue
		}
		out = append(out, found{kind: "ui.palette.command", title: s.Text(sc.Text), note: sc.Keys(), do: sc.Do})
	}
	return out
}

func (v *paletteView) row() fyne.CanvasObject {
	title := fynewidget.NewLabel("")
	title.Truncation = fyne.TextTruncateEllipsis
	note := fynewidget.NewLabel("")
	note.Importance, note.Truncation, note.Alignment = fynewidget.LowImportance, fyne.TextTruncateEllipsis, fyne.TextAlignTrailing
	kind := fynewidget.NewLabel("")
	kind.Importance = fynewidget.LowImportance
	return container.NewBorder(nil, nil, container.New(widget.AtLeast{Width: 110}, kind), nil, container.New(layout.NewGridLayout(2), title, note))
}

func (v *paletteView) fill(i fynewidget.ListItemID, o fyne.CanvasObject) {
	if i >= len(v.rows) {
		return
	}
	f := v.rows[i]
	parts := o.(*fyne.Container)
	grid := parts.Objects[0].(*fyne.Container)
	grid.Objects[0].(*fynewidget.Label).SetText(f.title)
	grid.Objects[1].(*fynewidget.Label).SetText(f.note)
	parts.Objects[1].(*fyne.Container).Objects[0].(*fynewidget.Label).SetText(v.shell.Text(f.kind))
}

// look finds by names at once, and inside conversations when the person rests.
func (v *paletteView) look(query string) {
	v.chosen = 0
	v.again(query)
}

// again is look for what was typed before: the line that is chosen stays so.
func (v *paletteView) again(query string) {
	v.stop()
	v.typed++
	turn := v.typed
	v.show(v.model.names(query))
	if len([]rune(strings.TrimSpace(query))) < 2 {
		return
	}
	s := v.shell
	done := make(chan struct{})
	v.stop = sync.OnceFunc(func() { close(done) })
	s.Go(func(ctx context.Context) {
		select {
		case <-time.After(searchPause):
		case <-done:
			return
		case <-ctx.Done():
			return
		}
		turns, err := s.services.Conversations.Search(ctx, query, maxFound)
		if err != nil {
			return // the names stay
		}
		s.Post(func() {
			if turn == v.typed {
				v.show(append(v.model.names(query), v.model.inside(turns)...))
			}
		})
	})
}

// show puts lines in place of those that were there. The chosen one stays chosen where it still is among them.
func (v *paletteView) show(rows []found) {
	to := 0
	if v.chosen > 0 && v.chosen < len(v.rows) {
		to = max(0, slices.IndexFunc(rows, v.rows[v.chosen].is))
	}
	v.rows, v.chosen = rows, -1
	if len(rows) == 0 {
		v.none.Show()
	} else {
		v.none.Hide()
	}
	v.list.UnselectAll()
	v.list.Refresh()
	v.move(to)
}

// move chooses a line without taking it.
func (v *paletteView) move(to int) {
	if len(v.rows) == 0 {
		return
	}
	v.chosen = min(max(to, 0), len(v.rows)-1)
	v.list.Select(v.chosen)
	v.list.ScrollTo(v.chosen)
}

func (v *paletteView) key(k *fyne.KeyEvent) bool {
	switch k.Name {
	case fyne.KeyDown:
		v.move(v.chosen + 1)
	case fyne.KeyUp:
		v.move(v.chosen - 1)
	case fyne.KeyPageDown:
		v.move(v.chosen + 8)
	case fyne.KeyPageUp:
		v.move(v.chosen - 8)
	default:
		return false
	}
	return true
}

func (v *paletteView) take(i int) {
	if i < 0 || i >= len(v.rows) {
		return
	}
	f := v.rows[i]
	v.close()
	if f.do != nil {
		f.do()
		return
	}
	v.shell.Navigate(f.where)
}

func (v *paletteView) close() {
	v.stop()
	v.popup.Hide()
	v.shell.palette = nil
	v.shell.refocus()
}

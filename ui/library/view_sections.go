package library

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/app"
	"kakoi/core"
	"kakoi/ui/widget"
)

// sheet is a section of cards below fixed tools. The cards are made anew only when what they show has changed, so that the keyboard
// stays where it is.
func (s *Screen) sheet(head fyne.CanvasObject, focus func() fyne.Focusable, fill func() ([]fyne.CanvasObject, string)) section {
	list := widget.NewColumn(8)
	scroll := widget.NewSheet(0, list)
	before := "\x00"
	update := func() {
		objects, sign := fill()
		if sign == before {
			return
		}
		before = sign
		list.Objects = objects
		list.Refresh()
		scroll.Fit()
	}
	return section{view: container.New(down{fill: 1}, head, scroll), update: update, focus: focus}
}

func (s *Screen) makeFolders() section {
	f := &s.m.folders
	link := button(s.text("documents.folder.link"), fynetheme.FolderNewIcon(), strong, func() {
		s.p.Shell.PickFolder(func(paths []string) {
			for _, path := range paths {
				f.link(path)
			}
		})
	})
	return s.sheet(widget.NewFlow(gap, link), func() fyne.Focusable { return link }, func() ([]fyne.CanvasObject, string) {
		if len(f.all) == 0 {
			return []fyne.CanvasObject{s.heading(s.text("documents.folder.empty.title")), s.words(s.text("documents.folder.empty.text"))}, ""
		}
		var objects []fyne.CanvasObject
		sign := ""
		for _, one := range f.all {
			objects = append(objects, s.folderCard(one))
			sign += fmt.Sprint(one.ID, one.Watch, one.Remove, one.Gone, f.line(one), "\n")
		}
		return objects, sign
	})
}

func (s *Screen) folderCard(one app.Folder) fyne.CanvasObject {
	f := &s.m.folders
	watch := widget.NewTick(s.text("documents.folder.watch"), nil)
	watch.Checked = one.Watch
	remove := widget.NewTick(s.text("documents.folder.remove"), nil)
	remove.Checked = one.Remove
	// Both as they are seen: the card is made anew a moment after one of them was changed.
	watch.OnChanged = func(on bool) { f.set(one, on, remove.Checked) }
	remove.OnChanged = func(on bool) { f.set(one, watch.Checked, on) }
	check := button(s.text("documents.folder.check"), fynetheme.ViewRefreshIcon(), plain, func() { f.check(one.ID, false) })
	can(check, !f.checking[one.ID])
	buttons := []fyne.CanvasObject{check}
	if one.Gone > 0 && !one.Remove {
		buttons = append(buttons, button(s.text("documents.folder.removegone", one.Gone), fynetheme.DeleteIcon(), plain, func() { f.removeGone(one) }))
	}
	buttons = append(buttons, button(s.text("documents.folder.unlink"), nil, quiet, func() { f.unlink(one) }))
	said := s.aside(f.line(one))
	if one.Problem != "" {
		said.SetRuns([]widget.Run{{Text: f.line(one), Color: fynetheme.ColorNameError}})
	}
	return card(s.heading(one.Path), s.aside(s.text("documents.folder.in", one.Collection)), said,
		widget.NewFlow(gap, watch, remove), widget.NewFlow(gap, buttons...))
}

func (s *Screen) makeCollections() section {
	c := &s.m.collections
	name := widget.NewEntry()
	name.SetPlaceHolder(s.text("documents.collection.new"))
	create := func() {
		if text := strings.TrimSpace(name.Text); text != "" {
			c.create(text)
			name.SetText("")
		}
	}
	name.OnSubmitted = func(string) { create() }
	head := widget.NewFlow(gap, container.New(widget.AtLeast{Width: 280}, name), button(s.text("documents.collection.create"), fynetheme.ContentAddIcon(), plain, create))
	return s.sheet(head, func() fyne.Focusable { return name }, func() ([]fyne.CanvasObject, string) {
		if len(c.all) == 0 {
			return []fyne.CanvasObject{s.words(s.text("documents.collection.empty"))}, ""
		}
		var objects []fyne.CanvasObject
		sign := c.shown + "\n"
		for _, one := range c.all {
			show := button(s.text("documents.collection.show"), nil, plain, func() {
				s.p.Shell.SetCollection(one.Name)
				s.m.show(partDocuments)
			})
			if one.Name == c.shown {
				show.SetText(s.text("documents.collection.shown"))
				show.Disable()
			}
			objects = append(objects, card(s.heading(one.Name), s.aside(c.line(one)), widget.NewFlow(gap, show,
				button(s.text("documents.remove"), fynetheme.DeleteIcon(), quiet, func() { c.remove(one) }))))
			sign += one.Name + c.line(one) + "\n"
		}
		return objects, sign
	})
}

// files lists the first few documents of many.
func (s *Screen) files(docs []core.Document) *widget.Prose {
	const few = 8
	var text strings.Builder
	text.WriteString(s.text("documents.health.files", len(docs)))
	for i, d := range docs {
		if i == few {
			text.WriteString("\n" + s.text("documents.health.more", len(docs)-i))
			break
		}
		text.WriteString("\n" + d.Source)
	}
	return s.aside(text.String())
}

package models

import (
	"context"
	"fmt"
	"os"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/app"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// shell is what the screen needs of the window.
type shell interface {
	host
	Window() fyne.Window
	Clipboard(text string)
	PickFolder(then func(paths []string))
	PickFiles(then func(paths []string))
	PickSave(name string, then func(path string))
}

// Params is what New needs.
type Params struct {
	Shell    shell
	Models   *app.Models
	Library  *app.Library
	Adapters *app.Adapters
	Exams    *app.Exams
	Training *app.Training
	Packs    *app.Packs
	Bus      *app.Bus
}

// Screen is the models screen. Make it with New.
type Screen struct {
	shell shell
	m     *model
	bus   *app.Bus
	heard func() // ends the subscription

	ink     ink
	sheet   *widget.Sheet
	column  *widget.Box
	add     *widget.Button
	unpack  *widget.Button
	packs   map[int]*packView
	cards   map[string]*cardView
	folders map[int]*importView
	trained map[string]*adapterView
	shown   string // what the column holds: names of the cards and imports
}

// ink measures texts in the current text size.
type ink struct {
	body, small, head *widget.Ruler
	scale             float32
}

func newInk() ink {
	th := fyne.CurrentApp().Settings().Theme()
	size := th.Size(fynetheme.SizeNameText)
	return ink{widget.NewRuler(size), widget.NewRuler(th.Size(fynetheme.SizeNameCaptionText)), widget.NewRuler(th.Size(fynetheme.SizeNameSubHeadingText)), size / 14}
}

// New makes the models screen.
func New(p Params) *Screen {
	s := newScreen(p.Shell, p.Models, p.Library, p.Bus)
	s.m.adapters, s.m.exams, s.m.losses = p.Adapters, p.Exams, p.Training
	if p.Packs != nil {
		s.m.packs = p.Packs
	}
	return s
}

func newScreen(s shell, models modelStore, l library, bus *app.Bus) *Screen {
	screen := &Screen{shell: s, bus: bus}
	screen.m = &model{host: s, models: models, library: l, changed: screen.update}
	if home, err := os.UserHomeDir(); err == nil { // without one, paths are shown whole
		screen.m.home = home
	}
	return screen
}

// Build makes the view in the current language and text size.
func (s *Screen) Build() fyne.CanvasObject {
	s.ink = newInk()
	s.cards, s.folders, s.shown = map[string]*cardView{}, map[int]*importView{}, ""
	s.trained, s.packs = map[string]*adapterView{}, map[int]*packView{}
	s.add = widget.NewButton(s.shell.Text("models.import"), fynetheme.FolderOpenIcon(), s.pick)
	s.add.OnFocus = func() { s.sheet.Top() }
	s.unpack = widget.NewButton(s.shell.Text("models.pack.import"), fynetheme.DownloadIcon(), s.pickPack)
	s.unpack.OnFocus = func() { s.sheet.Top() }
	s.column = widget.NewColumn(10)
	s.sheet = widget.NewSheet(900*s.ink.scale, widget.NewInset(20, 16, 20, 24, nil, s.column))
	s.update()
	return s.sheet
}

// Shown is called when the screen is on the window.
func (s *Screen) Shown() {
	if s.heard == nil {
		s.heard = s.bus.Subscribe(func(t app.Topic) {
			if t == app.TopicModels || t == app.TopicSettings || t == app.TopicDocuments || t == app.TopicAdapters || t == app.TopicExams {
				s.shell.Post(s.m.refresh)
			}
		})
	}
	s.m.refresh()
}

// Hidden is called when another screen is: what changes meanwhile is looked up at the next Shown.
func (s *Screen) Hidden() {
	if s.heard != nil {
		s.heard()
		s.heard = nil
	}
}

// Drop takes model folders, and files of them.
func (s *Screen) Drop(paths []string) bool {
	if len(paths) == 1 && s.m.adapters != nil && adapterFolder(paths[0]) {
		s.m.importAdapter(paths[0])
		return true
	}
	if parts := packFiles(paths); len(parts) > 0 && s.m.packs != nil {
		s.m.importPack(parts)
		s.sheet.Top()
		return true
	}
	dirs := folders(paths)
	if len(dirs) == 0 {
		return false
	}
	s.m.importAll(dirs)
	s.sheet.Top()
	return true
}

// Focus puts the keyboard on the import button.
func (s *Screen) Focus() { s.shell.Window().Canvas().Focus(s.add) }

// Shortcuts of the screen.
func (s *Screen) Shortcuts() []widget.Shortcut {
	return []widget.Shortcut{{Modifier: fyne.KeyModifierControl, Key: fyne.KeyI, Text: "models.shortcut.import", Do: s.pick}}
}

func (s *Screen) pick() {
	s.shell.PickFolder(func(paths []string) {
		if len(paths) > 0 && !s.Drop(paths) {
			s.m.importAll(paths)
		}
	})
}

// update shows the model as it is now. Cards that stay keep their widgets, and so the keyboard.
func (s *Screen) update() {
	if s.sheet == nil {
		return // not built yet
	}
	key := s.arrange()
	for _, kind := range []app.ModelKind{app.KindChat, app.KindEmbedder, app.KindReranker, app.KindEvidence} {
		for _, r := range s.m.rows(kind) {
			if v := s.cards[r.name]; v != nil {
				v.show(r)
			}
		}
	}
	for _, c := range s.m.adapterCards {
		if v := s.trained[c.ID]; v != nil {
			v.show(c)
		}
	}
	for _, i := range s.m.imports {
		if v := s.folders[i.id]; v != nil {
			v.show(i)
		}
	}
	for _, p := range s.m.packings {
		if v := s.packs[p.id]; v != nil {
			v.show(p)
		}
	}
	s.shown = key
	s.column.Refresh()
	s.sheet.Fit()
}

// arrange makes the column anew when models or imports came or went; it names what the column holds.
func (s *Screen) arrange() string {
	t := s.shell.Text
	key := ""
	for _, i := range s.m.imports {
		key += i.name + "\x00" + i.path + "\x00"
	}
	for _, p := range s.m.packings {
		key += fmt.Sprint("\x04", p.id)
	}
	kinds := []struct {
		kind  app.ModelKind
		title string
	}{{app.KindChat, "models.chat"}, {app.KindEmbedder, "models.embedders"}, {app.KindReranker, "models.rerankers"}, {app.KindEvidence, "models.evidence"}}
	for _, k := range kinds {
		for _, r := range s.m.rows(k.kind) {
			key += "\x01" + string(k.kind) + r.name
		}
	}
	for _, c := range s.m.adapterCards {
		key += "\x03" + c.ID
	}
	if s.m.loaded {
		key += "\x02"
	}
	if key == s.shown && len(s.column.Objects) > 0 {
		return key
	}
	s.column.Objects = []fyne.CanvasObject{
		s.prose(s.ink.head, widget.Run{Text: t("models.title"), Bold: true}),
		s.prose(s.ink.body, widget.Run{Text: t("models.intro")}),
		s.importButtons(),
		s.prose(s.ink.small, widget.Run{Text: t("models.import.hint"), Color: theme.ColorSecondary}),
	}
	for _, i := range s.m.imports {
		if s.folders[i.id] == nil {
			s.folders[i.id] = newImportView(s, i.id)
		}
		s.column.Objects = append(s.column.Objects, s.folders[i.id].object)
	}
	for _, p := range s.m.packings {
		if s.packs[p.id] == nil {
			s.packs[p.id] = newPackView(s, p.id)
		}
		s.column.Objects = append(s.column.Objects, s.packs[p.id].object)
	}
	if !s.m.loaded {
		s.column.Objects = append(s.column.Objects, s.prose(s.ink.body, widget.Run{Text: t("models.loading"), Color: theme.ColorSecondary}))
		return key
	}
	for _, k := range kinds {
		if (k.kind == app.KindReranker || k.kind == app.KindEvidence) && len(s.m.rows(k.kind)) == 0 {
			continue // most have none
		}
		s.column.Objects = append(s.column.Objects, widget.NewInset(0, 10, 0, 0, nil, s.prose(s.ink.body, widget.Run{Text: t(k.title), Bold: true})))
		rows := s.m.rows(k.kind)
		for _, r := range rows {
			if s.cards[r.name] == nil {
				s.cards[r.name] = newCardView(s, r.name)
			}
			s.column.Objects = append(s.column.Objects, s.cards[r.name].object)
		}
		if len(rows) == 0 {
			s.column.Objects = append(s.column.Objects, s.prose(s.ink.body, widget.Run{Text: t("models.empty"), Color: theme.ColorSecondary}))
		}
		if k.kind == app.KindChat {
			s.arrangeAdapters()
		}
	}
	return key
}

func (s *Screen) importButtons() fyne.CanvasObject {
	if s.m.packs == nil {
		return widget.NewFlow(8, s.add)
	}
	return widget.NewFlow(8, s.add, s.unpack)
}

// arrangeAdapters puts the adapters below the chat models that they belong to.
func (s *Screen) arrangeAdapters() {
	if len(s.m.adapterCards) == 0 {
		return
	}
	s.column.Objects = append(s.column.Objects, widget.NewInset(0, 10, 0, 0, nil, s.prose(s.ink.body, widget.Run{Text: s.shell.Text("models.adapters"), Bold: true})))
	for _, c := range s.m.adapterCards {
		if s.trained[c.ID] == nil {
			s.trained[c.ID] = newAdapterView(s, c.ID)
		}
		s.column.Objects = append(s.column.Objects, s.trained[c.ID].object)
	}
}

func (s *Screen) prose(r *widget.Ruler, runs ...widget.Run) *widget.Prose {
	return widget.NewProse(r, runs...)
}

// button is one of a card's, brought into sight when it gets the keyboard.
func (s *Screen) button(key string, tapped func()) *widget.Button {
	b := widget.NewButton(s.shell.Text(key), nil, tapped)
	b.OnFocus = func() { s.sheet.Reveal(b) }
	return b
}

// panel shows a text over the window.
func (s *Screen) panel(title string, content fyne.CanvasObject, copied string) {
	var p *widget.Panel
	end := widget.NewButton(s.shell.Text("models.close"), nil, func() { p.Close() })
	buttons := []*widget.Button{end}
	if copied != "" {
		buttons = []*widget.Button{widget.NewButton(s.shell.Text("models.copy"), fynetheme.ContentCopyIcon(), func() { s.shell.Clipboard(copied) }), end}
	}
	p = widget.ShowPanel(widget.PanelParams{
		Canvas: s.shell.Window().Canvas(), Title: title, Content: content, Buttons: buttons, Size: fyne.NewSize(760, 560),
	})
}

// licence shows the licence texts of a model.
func (s *Screen) licence(name string) {
	c := s.m.card(name)
	if c == nil || c.details == nil {
		return
	}
	found, files := c.model, c.details.Licences
	s.shell.Go(func(ctx context.Context) {
		text := ""
		for _, f := range files {
			one, err := s.m.models.Licence(found, f)
			if err != nil {
				s.shell.ShowError(err)
				return
			}
			if text != "" {
				text += "\n\n"
			}
			text += one
		}
		s.shell.Post(func() {
			body := widget.NewSheet(0, s.prose(s.ink.small, widget.Run{Text: text}))
			s.panel(s.shell.Text("models.licence.title", name), body, text)
		})
	})
}

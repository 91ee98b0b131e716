package library

import (
	"context"
	"encoding/json"
	"io/fs"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/resources"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// Shell is what the screen needs of the window.
type Shell interface {
	host
	Lang() string
	Window() fyne.Window
	Confirm(q widget.Question)
	PickFiles(then func(paths []string))
	PickFolder(then func(paths []string))
	Clipboard(text string)
}

// Params are what the screen is made of. All are needed.
type Params struct {
	Shell      Shell
	Library    useCases
	Folders    linker
	Pages      viewer
	Quotes     quoter  // says what else holds a document that is to be removed; nil is allowed
	Backups    backups // say whether a document is in a backup; nil is allowed
	Bus        *app.Bus
	Repairs    repairs // what was repaired without being asked; nil: nothing ever is
	Samples    fs.FS   // the sample documents
	SamplesDir string  // where they are written to be added
}

// Screen is the Documents screen.
type Screen struct {
	p     Params
	m     *model
	shown bool
	stale bool // news came while another screen was shown

	ruler    *widget.Ruler
	small    *widget.Ruler
	root     *fyne.Container
	tabs     *widget.Box
	buttons  map[part]*widget.Button
	center   *fyne.Container
	notices  *notices
	sections map[part]section
	table    *documents
	page     *pageSide
}

// section is what a part of the screen shows.
type section struct {
	view   fyne.CanvasObject
	update func()
	focus  func() fyne.Focusable
}

// New makes the screen. Watched folders are followed from now on, until the window ends.
func New(p Params) *Screen {
	s := &Screen{p: p, m: newModel(p.Shell, p.Library, p.Folders, p.Pages)}
	s.m.repairs = p.Repairs
	s.m.quotes, s.m.backups = p.Quotes, p.Backups
	s.m.samples, s.m.dir = p.Samples, p.SamplesDir
	s.m.explain = func(err error) (string, string) { return resources.ErrorText(p.Shell.Lang(), err) }
	s.m.ask = s.ask
	p.Bus.Subscribe(func(t app.Topic) {
		p.Shell.Post(func() {
			if s.shown {
				s.m.heard(t)
			} else {
				s.stale = true
			}
		})
	})
	if p.Repairs != nil {
		p.Shell.Go(s.pointToRepairs)
	}
	p.Shell.Go(p.Library.KeepGraphs)
	p.Shell.Go(func(ctx context.Context) { p.Folders.Watch(ctx, app.AddOptions{Explain: s.m.explain}) })
	return s
}

// pointToRepairs tells whoever begins on another screen that something was repaired.
func (s *Screen) pointToRepairs(context.Context) {
	said := s.m.readRepairs()
	if len(said) == 0 {
		return
	}
	s.p.Shell.Post(func() {
		if !s.m.list.loaded {
			s.m.takeRepairs(said)
			s.m.tell(changedNotice)
		}
	})
}

// Build is the view, made anew in the current language and text size.
func (s *Screen) Build() fyne.CanvasObject {
	s.ruler = widget.NewRuler(fynetheme.TextSize())
	s.small = widget.NewRuler(fynetheme.Size(fynetheme.SizeNameCaptionText))
	s.buttons, s.sections = map[part]*widget.Button{}, map[part]section{}
	var tabs []fyne.CanvasObject
	for _, p := range parts {
		b := widget.NewButton("", nil, func() { s.m.show(p) })
		s.buttons[p] = b
		tabs = append(tabs, b)
	}
	s.tabs = widget.NewFlow(4, tabs...)
	s.notices = newNotices(s)
	s.center = container.NewStack()
	s.root = container.New(down{fill: 2}, s.tabs, s.notices.box, s.center)
	s.page = nil
	s.m.list.relabel()
	s.m.changed = s.changed
	s.changed(changedPart)
	s.notices.update()
	s.notices.progress()
	return container.NewPadded(s.root)
}

// Shown is called when the screen comes into sight.
func (s *Screen) Shown() {
	s.shown = true
	if s.stale || !s.m.list.loaded {
		s.stale = false
		s.m.reload()
	}
}

// Hidden is called when another screen is shown.
func (s *Screen) Hidden() { s.shown = false }

// Drop adds files and folders to the chosen collection.
func (s *Screen) Drop(paths []string) bool {
	if len(paths) == 0 {
		return false
	}
	if !s.shown {
		s.p.Shell.Toast(s.p.Shell.Text("documents.drop", len(paths)))
	}
	s.m.adding.add(paths)
	s.m.show(partDocuments)
	return true
}

// AddSamples adds the sample collection.
func (s *Screen) AddSamples() { s.m.adding.addSamples() }

// Focus puts the keyboard where a person would begin.
func (s *Screen) Focus() {
	if s.root == nil {
		return
	}
	canvas := s.p.Shell.Window().Canvas()
	if f := s.focus(); f != nil {
		canvas.Focus(f)
	}
}

// Fields are where a person types: the filter, and the query of a search.
func (s *Screen) Fields() []fyne.Focusable {
	out := make([]fyne.Focusable, 2)
	if s.table != nil {
		out[0] = s.table.filter
	}
	if found, ok := s.sections[partSearch]; ok && s.m.part == partSearch {
		out[1] = found.focus()
	}
	return out
}

func (s *Screen) focus() fyne.Focusable {
	if s.m.part == partDocuments && s.m.opened.is() && s.page != nil {
		return s.page.view
	}
	if now, ok := s.sections[s.m.part]; ok && now.focus != nil {
		return now.focus()
	}
	return nil
}

// Go shows a document.
func (s *Screen) Go(where any) bool {
	d, ok := where.(place.Document)
	if ok {
		s.m.find(d.Collection, d.ID, d.Page, d.Start, d.End)
	}
	return ok
}

// Shortcuts are the keys of the screen.
func (s *Screen) Shortcuts() []widget.Shortcut {
	return []widget.Shortcut{
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyF, Text: "documents.shortcut.filter", Do: s.toFilter},
		{Modifier: fyne.KeyModifierControl | fyne.KeyModifierShift, Key: fyne.KeyO, Text: "documents.shortcut.addfolder", Do: s.addFolder},
		{Key: fyne.KeyDelete, Text: "documents.shortcut.remove", Do: s.m.remove},
		{Key: fyne.KeyReturn, Text: "documents.shortcut.open", Do: s.open},
		{Key: fyne.KeyEscape, Text: "documents.shortcut.back", Do: s.back},
	}
}

// arrangement is how the screen was left.
type arrangement struct {
	Sort column `json:"sort"`
	Down bool   `json:"down"`
}

// State is kept for the next start.
func (s *Screen) State() json.RawMessage {
	raw, err := json.Marshal(arrangement{s.m.list.sort, s.m.list.down})
	if err != nil {
		return nil
	}
	return raw
}

// SetState arranges the screen as it was left.
func (s *Screen) SetState(raw json.RawMessage) {
	var a arrangement
	if json.Unmarshal(raw, &a) == nil && a.Sort >= columnName && a.Sort <= columnAdded {
		s.m.list.sort, s.m.list.down = a.Sort, a.Down
	}
}

func (s *Screen) text(key string, args ...any) string { return s.p.Shell.Text(key, args...) }

// ask puts a model's question to the person.
func (s *Screen) ask(q question) {
	s.p.Shell.Confirm(widget.Question{
		Title: s.text(q.key + ".title"), Text: s.text(q.key+".text", q.args...) + q.more, Yes: s.text(q.key + ".yes"), Danger: q.danger, Then: q.then,
	})
}

// changed shows anew what the model says has changed.
func (s *Screen) changed(c change) {
	switch c {
	case changedAdding:
		s.notices.progress()
		s.root.Refresh()
	case changedNotice:
		s.notices.update()
		s.relabelTabs()
		s.root.Refresh()
	case changedOpened:
		if s.page != nil {
			s.page.update()
		}
	case changedSelected:
		if s.table != nil {
			s.table.marks()
		}
	case changedList:
		if s.m.part == partDocuments && !s.m.opened.is() {
			s.showPart()
		}
	case changedPart:
		s.showPart()
	}
}

// showPart puts the chosen part, or the open document, in the middle.
func (s *Screen) showPart() {
	s.relabelTabs()
	if s.m.part == partDocuments && s.m.opened.is() {
		if s.page == nil || s.page.of != s.m.opened.doc.ID || s.center.Objects[0] != s.page.root {
			s.page = newPageSide(s)
			s.put(s.page.root)
			if s.shown {
				s.Focus()
			}
		}
		s.page.update()
		return
	}
	s.page = nil
	now, ok := s.sections[s.m.part]
	if !ok {
		now = s.make(s.m.part)
		s.sections[s.m.part] = now
	}
	now.update()
	if s.put(now.view) && s.shown {
		s.Focus()
	}
}

// put shows an object in the middle; it says whether it was another one.
func (s *Screen) put(o fyne.CanvasObject) bool {
	if len(s.center.Objects) == 1 && s.center.Objects[0] == o {
		return false
	}
	s.center.Objects = []fyne.CanvasObject{o}
	s.center.Refresh()
	return true
}

func (s *Screen) make(p part) section {
	switch p {
	case partFolders:
		return s.makeFolders()
	case partCollections:
		return s.makeCollections()
	case partHealth:
		return s.makeHealth()
	case partSearch:
		return s.makeSearch()
	}
	return s.makeDocuments()
}

// relabelTabs shows which part is chosen, and where something is to be looked at.
func (s *Screen) relabelTabs() {
	for p, b := range s.buttons {
		text := s.text("documents.part." + string(p))
		switch n := len(s.m.health.groups) + len(s.m.health.findings) + min(1, len(s.m.health.locked)); {
		case p == partHealth && n > 0:
			text = s.text("documents.part.health.n", n)
		case p == partFolders && len(s.m.folders.all) > 0:
			text = s.text("documents.part.folders.n", len(s.m.folders.all))
		}
		importance := fynewidget.LowImportance
		if p == s.m.part {
			importance = fynewidget.MediumImportance
		}
		if b.Text != text || b.Importance != importance {
			b.Importance = importance
			b.SetText(text)
			s.tabs.Refresh()
		}
	}
}

func (s *Screen) addFiles() { s.p.Shell.PickFiles(s.add) }

func (s *Screen) addFolder() { s.p.Shell.PickFolder(s.add) }

func (s *Screen) add(paths []string) {
	if len(paths) > 0 {
		s.m.adding.add(paths)
	}
}

func (s *Screen) toFilter() {
	s.m.show(partDocuments)
	if s.table != nil {
		s.p.Shell.Window().Canvas().Focus(s.table.filter)
	}
}

func (s *Screen) open() {
	if d, ok := s.m.list.current(); ok && s.m.part == partDocuments && !s.m.opened.is() {
		s.m.opened.open(d, 1)
	}
}

func (s *Screen) back() { s.m.opened.close() }

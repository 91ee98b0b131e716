package chat

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// searchPause is how long typing has to pause before the conversations are searched.
const searchPause = 250 * time.Millisecond

// listView is the left panel.
type listView struct {
	screen *Screen
	object fyne.CanvasObject
	search *widget.Entry
	list   *lineList
	more   *widget.Button
	lines  []Line
	pause  *time.Timer
}

// lineList is Fyne's list with the keys that one expects of it.
type lineList struct {
	fynewidget.List
	onKey func(*fyne.KeyEvent) bool
	at    int
}

// TypedKey is fyne.Focusable.
func (l *lineList) TypedKey(k *fyne.KeyEvent) {
	if !l.onKey(k) {
		l.List.TypedKey(k)
	}
}

func newListView(s *Screen) *listView {
	v := &listView{screen: s}
	v.search = widget.NewEntry()
	v.search.SetPlaceHolder(s.text("chat.list.search"))
	v.search.SetText(s.m.query)
	if s.list != nil { // it is looked for a moment after it was typed
		v.search.SetText(s.list.search.Text)
	}
	v.search.OnChanged = v.typed
	v.search.OnEscape = func() {
		v.search.SetText("")
		s.Focus()
	}
	v.list = &lineList{onKey: v.key}
	v.list.Length = func() int { return len(v.lines) }
	v.list.CreateItem = func() fyne.CanvasObject { return newLineRow() }
	v.list.UpdateItem = func(i int, o fyne.CanvasObject) { o.(*lineRow).show(v.lines[i]) }
	v.list.OnSelected = v.selected
	v.list.OnHighlighted = func(i int) { v.list.at = i }
	v.list.HideSeparators = true
	v.list.ExtendBaseWidget(v.list)
	begin := widget.NewButton(s.text("chat.new"), fynetheme.ContentAddIcon(), s.newConversation)
	begin.OnEscape = s.escape
	v.more = s.quiet("", fynetheme.MoreVerticalIcon(), v.menu)
	top := container.NewVBox(container.NewBorder(nil, nil, nil, v.more, begin), v.search)
	v.object = container.NewPadded(container.NewBorder(top, nil, nil, nil, v.list))
	return v
}

func (v *listView) refresh() {
	v.lines = v.screen.m.Lines()
	v.list.Refresh()
}

// typed searches when the typing pauses.
func (v *listView) typed(text string) {
	if v.pause != nil {
		v.pause.Stop()
	}
	if text == "" {
		v.screen.m.Search("")
		return
	}
	v.pause = time.AfterFunc(searchPause, func() {
		v.screen.p.Shell.Post(func() {
			if v.search.Text == text {
				v.screen.m.Search(text)
			}
		})
	})
}

func (v *listView) focusSearch() { v.screen.p.Shell.Window().Canvas().Focus(v.search) }

func (v *listView) selected(i int) {
	v.list.UnselectAll()
	if i < len(v.lines) && !v.lines[i].Heading {
		v.screen.m.Open(v.lines[i].ID, v.lines[i].Turn)
	}
}

func (v *listView) key(k *fyne.KeyEvent) bool {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		v.selected(v.list.at)
	case fyne.KeyDelete:
		if i := v.list.at; i < len(v.lines) && !v.lines[i].Heading {
			v.screen.remove(v.lines[i].ID)
		}
	case fyne.KeyF2:
		if i := v.list.at; i < len(v.lines) && !v.lines[i].Heading {
			v.screen.renameID(v.lines[i].ID)
		}
	case fyne.KeyF1, fyne.KeyEscape:
		if c := v.screen.p.Shell.Window().Canvas(); c.OnTypedKey() != nil {
			c.OnTypedKey()(k)
		}
	default:
		return false
	}
	return true
}

// menu is what can be done with the open conversation.
func (v *listView) menu() {
	s := v.screen
	id := s.m.OpenID()
	items := []*fyne.MenuItem{
		fyne.NewMenuItem(s.text("chat.menu.rename"), s.rename),
		fyne.NewMenuItem(s.text("chat.menu.md"), func() { s.export("md") }),
		fyne.NewMenuItem(s.text("chat.menu.pdf"), func() { s.export("pdf") }),
		fyne.NewMenuItem(s.text("chat.menu.delete"), func() { s.remove(id) }),
	}
	for _, i := range items {
		i.Disabled = id == ""
	}
	if s.p.Receipts != nil {
		items = append(items, fyne.NewMenuItemSeparator(), fyne.NewMenuItem(s.text("receipt.check"), s.pickReceipt))
	}
	fynewidget.ShowPopUpMenuAtRelativePosition(fyne.NewMenu("", items...), s.p.Shell.Window().Canvas(), fyne.NewPos(0, v.more.Size().Height), v.more)
}

// rename asks for another title of the open conversation.
func (s *Screen) rename() { s.renameID(s.m.OpenID()) }

func (s *Screen) renameID(id string) {
	if id == "" {
		return
	}
	field := widget.NewEntry()
	field.SetText(s.m.TitleOf(id))
	var panel *widget.Panel
	done := func() {
		s.m.Rename(id, field.Text)
		panel.Close()
	}
	field.OnSubmitted = func(string) { done() }
	field.OnEscape = func() { panel.Close() }
	yes := widget.NewButton(s.text("chat.rename.yes"), nil, done)
	yes.Importance = fynewidget.HighImportance
	no := widget.NewButton(s.text("ui.cancel"), nil, func() { panel.Close() })
	panel = s.show(widget.PanelParams{
		Title: s.text("chat.rename.title"), Content: field,
		Buttons: []*widget.Button{no, yes}, Focus: field, Size: fyne.NewSize(460, 0),
	}, nil)
}

// remove asks before a conversation is erased. What was corrected in it is kept for training unless a person says otherwise.
func (s *Screen) remove(id string) {
	if id == "" {
		return
	}
	with := widget.NewTick(s.text("chat.delete.corrections"), nil)
	text := fynewidget.NewLabel(s.text("chat.delete.text", s.m.TitleOf(id)))
	text.Wrapping = fyne.TextWrapWord
	var panel *widget.Panel
	no := widget.NewButton(s.text("ui.cancel"), nil, func() { panel.Close() })
	yes := widget.NewButton(s.text("chat.delete.yes"), nil, func() {
		panel.Close()
		s.m.Delete(id, with.Checked)
	})
	yes.Importance = fynewidget.DangerImportance
	panel = s.show(widget.PanelParams{
		Title: s.text("chat.delete.title"), Content: container.NewVBox(text, with),
		Buttons: []*widget.Button{no, yes}, Focus: no, Size: fyne.NewSize(500, 0),
	}, nil)
}

func (s *Screen) export(format string) {
	id := s.m.OpenID()
	if id == "" {
		return
	}
	s.p.Shell.PickSave(s.m.ExportName(id, format), func(path string) { s.m.Export(id, path) })
}

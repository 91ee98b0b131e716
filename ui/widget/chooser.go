package widget

import (
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// ChooserParams say what a person is to choose. Fyne's own dialog takes one file only and is partly English.
type ChooserParams struct {
	Window fyne.Window
	Mode   ChooserMode
	Title  string
	Start  string   // folder to begin in; "" is home
	Name   string   // proposal of a name to save under
	Filter []string // endings of the files shown, with the dot, small; none: every file
	Recent []string // folders to offer beside the usual places
	Text   func(key string, args ...any) string
	Post   func(func())
	Then   func(paths []string) // on the window's goroutine; not called when a person cancels
}

// ShowChooser opens the chooser over the window.
func ShowChooser(p ChooserParams) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // no such place then
	}
	c := newChooser(p, home)
	newChooserView(p, c)
	c.start(p.Start, p.Recent)
}

// chooserView is the panel of a chooser.
type chooserView struct {
	c      *chooser
	canvas fyne.Canvas
	panel  *Panel

	path   *pathField
	hint   *fynewidget.Label
	hidden *Button
	places *keyList
	place  int // cursor in places
	list   *keyList
	note   *fynewidget.Label
	name   *Entry
	status *fynewidget.Label
	no     *Button
	yes    *Button

	folder string // shown last: the rows then begin at the cursor anew
	asking bool   // the question about writing over was shown
}

func newChooserView(p ChooserParams, c *chooser) *chooserView {
	v := &chooserView{c: c, canvas: p.Window.Canvas()}
	c.changed = v.refresh
	c.done = func(paths []string) {
		v.panel.Close()
		p.Then(paths)
	}
	v.path = newPathField(v.goTyped, c.typed, func() bool { return c.completed(v.path.Text) != v.path.Text })
	v.path.SetPlaceHolder(c.text("chooser.path"))
	v.path.OnEscape = v.leavePath
	v.path.OnKey = v.pathKey
	v.hint = fynewidget.NewLabel("")
	v.hint.Truncation, v.hint.SizeName, v.hint.Importance = fyne.TextTruncateEllipsis, fynetheme.SizeNameCaptionText, fynewidget.LowImportance

	back := NewButton("", fynetheme.NavigateBackIcon(), func() { c.goBack(); v.focusList() })
	up := NewButton("", fynetheme.MoveUpIcon(), func() { c.up(); v.focusList() })
	v.hidden = NewButton("", nil, c.toggleHidden)
	for _, b := range []*Button{back, up, v.hidden} {
		b.Importance, b.OnEscape = fynewidget.LowImportance, v.escape
	}

	v.list = newKeyList(func() int { return len(c.rows) }, v.newRow, v.fillRow)
	v.list.onKey, v.list.onRune, v.list.onShortcut = v.listKey, v.listRune, v.listShortcut
	v.places = newKeyList(func() int { return len(c.places) }, v.newPlace, v.fillPlace)
	v.places.onKey, v.places.onShortcut = v.placeKey, v.listShortcut
	v.note = fynewidget.NewLabel("")
	v.note.Wrapping, v.note.Alignment = fyne.TextWrapWord, fyne.TextAlignCenter

	v.status = fynewidget.NewLabel("")
	v.status.Wrapping = fyne.TextWrapWord
	v.no = NewButton("", nil, v.escape)
	v.yes = NewButton("", nil, v.confirm)
	v.no.OnEscape, v.yes.OnEscape = v.escape, v.escape

	top := container.NewBorder(nil, nil, container.NewHBox(back, up), v.hidden, v.path)
	head := newRowBox()
	head.setHeader(c.text("chooser.name"), c.text("chooser.size"), c.text("chooser.date"))
	rows := container.NewBorder(head, nil, nil, nil, container.NewStack(v.list, container.NewCenter(container.New(fixedWidth(360), v.note))))
	split := container.NewHSplit(v.places, rows)
	split.Offset = 0.24
	foot := container.NewVBox(v.status)
	focus := fyne.Focusable(v.list)
	if c.mode == ChooseSave {
		v.name = NewEntry()
		v.name.SetText(c.name)
		v.name.OnChanged = c.rename
		v.name.OnSubmitted = func(string) { v.confirm() }
		v.name.OnEscape = v.escape
		foot = container.NewVBox(container.NewBorder(nil, nil, fynewidget.NewLabel(c.text("chooser.name")), nil, v.name), v.status)
		focus = v.name
	}
	v.fill()
	v.panel = ShowPanel(PanelParams{
		Canvas: v.canvas, Title: p.Title, Content: container.NewBorder(container.NewVBox(top, v.hint), foot, nil, nil, split),
		Buttons: []*Button{v.no, v.yes}, Focus: focus, Size: fyne.NewSize(900, 620),
	})
	if v.name != nil { // another name under the same ending is typed at once
		v.name.Select(utf8.RuneCountInString(strings.TrimSuffix(c.name, filepath.Ext(c.name))))
	}
	return v
}

// refresh shows the model as it is now.
func (v *chooserView) refresh() {
	v.fill()
	if v.c.existing != "" && !v.asking {
		v.canvas.Focus(v.no)
	}
	v.asking = v.c.existing != ""
}

func (v *chooserView) fill() {
	c := v.c
	if v.folder != c.folder {
		v.folder = c.folder
		v.path.show(c.folder)
	}
	setLabel(v.hint, c.hint())
	setLabel(v.note, c.note())
	setLabel(v.status, c.status())
	if v.name != nil && v.name.Text != c.name {
		v.name.SetText(c.name)
	}
	key := "chooser.hidden.show"
	if c.hidden {
		key = "chooser.hidden.hide"
	}
	renamed := setButton(v.hidden, c.text(key), fynewidget.LowImportance)
	no, yes, importance := "chooser.cancel", "chooser.open", fynewidget.HighImportance
	switch {
	case c.existing != "":
		no, yes, importance = "chooser.keep", "chooser.overwrite", fynewidget.DangerImportance
	case c.mode == ChooseSave:
		yes = "chooser.save"
	case c.mode == ChooseFolder && len(c.marked) > 0:
		yes = "chooser.choose.marked"
	case c.mode == ChooseFolder:
		yes = "chooser.choose"
	}
	renamed = setButton(v.no, c.text(no), fynewidget.MediumImportance) || renamed
	renamed = setButton(v.yes, c.text(yes), importance) || renamed
	if renamed && v.panel != nil {
		v.panel.popup.Refresh() // their row is laid out anew
	}
	v.places.Refresh()
	v.list.Refresh()
	if c.cursor < len(c.rows) {
		v.list.ScrollTo(c.cursor)
	}
}

func setLabel(l *fynewidget.Label, text string) {
	if l.Text != text {
		l.SetText(text)
	}
}

// setButton says whether the button was another one before.
func setButton(b *Button, text string, importance fynewidget.Importance) bool {
	if b.Text == text && b.Importance == importance {
		return false
	}
	b.Text, b.Importance = text, importance
	b.Refresh()
	return true
}

func (v *chooserView) focusList() { v.canvas.Focus(v.list) }

// confirm is the button that does it, and Enter in the name.
func (v *chooserView) confirm() {
	if v.c.existing != "" {
		v.c.overwrite()
		return
	}
	v.c.confirm()
}

// escape leaves the question about writing over, else the chooser.
func (v *chooserView) escape() {
	if v.c.existing == "" {
		v.panel.Close()
		return
	}
	v.c.keep()
	if v.name != nil {
		v.canvas.Focus(v.name)
	}
}

func (v *chooserView) goTyped(path string) {
	v.c.goTyped(path)
	if v.c.mode != ChooseSave {
		v.focusList()
	}
}

// leavePath puts the shown folder back into the path, and leaves the chooser when it was there already.
func (v *chooserView) leavePath() {
	if v.path.Text == v.c.folder {
		v.escape()
		return
	}
	v.path.show(v.c.folder)
	v.c.typed("")
	v.focusList()
}

func (v *chooserView) pathKey(k *fyne.KeyEvent) bool {
	switch k.Name {
	case fyne.KeyTab:
		v.path.show(v.c.completed(v.path.Text))
		v.c.typed(v.path.Text)
	case fyne.KeyDown:
		v.focusList()
	default:
		return false
	}
	return true
}

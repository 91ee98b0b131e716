package widget

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// listKey is a key while the rows have the focus.
func (v *chooserView) listKey(k *fyne.KeyEvent) {
	c, page := v.c, v.list.page()
	extend := heldModifiers()&fyne.KeyModifierShift != 0
	switch k.Name {
	case fyne.KeyDown:
		c.move(1, extend)
	case fyne.KeyUp:
		c.move(-1, extend)
	case fyne.KeyPageDown:
		c.move(page, extend)
	case fyne.KeyPageUp:
		c.move(-page, extend)
	case fyne.KeyHome:
		c.moveTo(0, extend)
	case fyne.KeyEnd:
		c.moveTo(len(c.rows)-1, extend)
	case fyne.KeySpace:
		c.toggle()
	case fyne.KeyReturn, fyne.KeyEnter:
		c.enter()
	case fyne.KeyBackspace:
		c.up()
	case fyne.KeyEscape:
		v.escape()
	}
}

// listRune jumps to what begins with a letter; / and ~ begin a path.
func (v *chooserView) listRune(r rune) {
	if r != '/' && r != '~' {
		v.c.jump(r, time.Now())
		return
	}
	v.canvas.Focus(v.path)
	v.path.show(string(r))
	v.c.typed(v.path.Text)
}

// placeKey is a key while the places have the focus.
func (v *chooserView) placeKey(k *fyne.KeyEvent) {
	last := len(v.c.places) - 1
	switch k.Name {
	case fyne.KeyDown:
		v.place = min(v.place+1, last)
	case fyne.KeyUp:
		v.place = max(v.place-1, 0)
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		v.goPlace(v.place)
	case fyne.KeyEscape:
		v.escape()
	}
	v.places.Refresh()
}

func (v *chooserView) goPlace(i int) {
	if i < 0 || i >= len(v.c.places) {
		return
	}
	v.place = i
	v.c.open(v.c.places[i].path)
	v.focusList()
}

// listShortcut is a key with Ctrl or Alt while rows or places have the focus. Others go no further: the window is behind.
func (v *chooserView) listShortcut(s fyne.Shortcut) {
	switch s := s.(type) {
	case *fyne.ShortcutSelectAll:
		v.c.markAll()
	case *desktop.CustomShortcut:
		switch {
		case s.Modifier == fyne.KeyModifierControl && s.KeyName == fyne.KeyA:
			v.c.markAll()
		case s.Modifier == fyne.KeyModifierControl && s.KeyName == fyne.KeyH:
			v.c.toggleHidden()
		case s.Modifier == fyne.KeyModifierControl && s.KeyName == fyne.KeyL:
			v.canvas.Focus(v.path)
			v.path.Entry.Entry.TypedShortcut(&fyne.ShortcutSelectAll{}) // what is typed replaces it
		case s.Modifier == fyne.KeyModifierControl && (s.KeyName == fyne.KeyReturn || s.KeyName == fyne.KeyEnter):
			v.confirm()
		case s.Modifier == fyne.KeyModifierAlt && s.KeyName == fyne.KeyUp:
			v.c.up()
		case s.Modifier == fyne.KeyModifierAlt && s.KeyName == fyne.KeyLeft:
			v.c.goBack()
		}
	}
}

// heldModifiers are the modifier keys held down now.
func heldModifiers() fyne.KeyModifier {
	if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok {
		return d.CurrentKeyModifiers()
	}
	return 0
}

// keyList is Fyne's list without its own keys: they, and where its cursor is, belong to a model.
type keyList struct {
	fynewidget.List
	onKey      func(*fyne.KeyEvent)
	onRune     func(rune)
	onShortcut func(fyne.Shortcut)
	focused    bool
}

func newKeyList(length func() int, create func() fyne.CanvasObject, update func(int, fyne.CanvasObject)) *keyList {
	l := &keyList{onRune: func(rune) {}}
	l.Length, l.CreateItem, l.UpdateItem, l.HideSeparators = length, create, update, true
	l.ExtendBaseWidget(l)
	return l
}

// page is how many rows are seen at once.
func (l *keyList) page() int {
	row := l.CreateItem().MinSize().Height + l.Theme().Size(fynetheme.SizeNamePadding)
	return max(1, int(l.Size().Height/row)-1)
}

func (l *keyList) TypedKey(k *fyne.KeyEvent)     { l.onKey(k) }
func (l *keyList) TypedRune(r rune)              { l.onRune(r) }
func (l *keyList) TypedShortcut(s fyne.Shortcut) { l.onShortcut(s) }
func (l *keyList) FocusGained()                  { l.focused = true; l.Refresh() }
func (l *keyList) FocusLost()                    { l.focused = false; l.Refresh() }

// pathField is an Entry that keeps the Tab key, which completes what is typed, and every shortcut: the window is behind.
type pathField struct {
	Entry
	quiet       bool // the text is set, not typed
	completable func() bool
}

func newPathField(submitted, typed func(string), completable func() bool) *pathField {
	f := &pathField{completable: completable}
	f.ExtendBaseWidget(f)
	f.OnSubmitted = submitted
	f.OnChanged = func(s string) {
		if !f.quiet {
			typed(s)
		}
	}
	return f
}

// show sets the text without taking it for typed; the caret stands at its end.
func (f *pathField) show(text string) {
	f.quiet = true
	defer func() { f.quiet = false }()
	f.SetText(text)
	f.Entry.Entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd}) // drops a selection too
}

// AcceptsTab is fyne.Tabbable: only where Tab has something to add, else it moves on.
func (f *pathField) AcceptsTab() bool { return f.completable() }

func (f *pathField) TypedShortcut(s fyne.Shortcut) { f.Entry.Entry.TypedShortcut(s) }

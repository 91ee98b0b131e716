package widget

import (
	"fyne.io/fyne/v2"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Choice is one of several texts, opened by Enter, the space bar or the mouse.
type Choice struct {
	fynewidget.Select
	OnFocus  func() // nil is allowed
	OnEscape func() // nil is allowed
}

// NewChoice makes a Choice; chosen hears of the place of what a person chose.
func NewChoice(options []string, chosen func(int)) *Choice {
	c := &Choice{}
	c.Options = options
	c.OnChanged = func(string) {
		if chosen != nil {
			chosen(c.SelectedIndex())
		}
	}
	c.ExtendBaseWidget(c)
	return c
}

// Choose shows an option as chosen, without telling anybody.
func (c *Choice) Choose(i int) {
	tell := c.OnChanged
	c.OnChanged = nil
	c.SetSelectedIndex(i)
	c.OnChanged = tell
}

// TypedKey is fyne.Focusable.
func (c *Choice) TypedKey(k *fyne.KeyEvent) {
	switch {
	case (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) && !c.Disabled():
		c.Select.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	case k.Name == fyne.KeyEscape && c.OnEscape != nil:
		c.OnEscape()
	default:
		c.Select.TypedKey(k)
	}
}

// FocusGained is fyne.Focusable.
func (c *Choice) FocusGained() {
	c.Select.FocusGained()
	if c.OnFocus != nil {
		c.OnFocus()
	}
}

// Tick is a yes or no, changed by Enter, the space bar or the mouse.
type Tick struct {
	fynewidget.Check
	OnFocus  func() // nil is allowed
	OnEscape func() // nil is allowed
}

// NewTick makes a Tick.
func NewTick(text string, changed func(bool)) *Tick {
	t := &Tick{}
	t.Text, t.OnChanged = text, changed
	t.ExtendBaseWidget(t)
	return t
}

// TypedKey is fyne.Focusable.
func (t *Tick) TypedKey(k *fyne.KeyEvent) {
	switch {
	case (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) && !t.Disabled():
		t.SetChecked(!t.Checked)
	case k.Name == fyne.KeyEscape && t.OnEscape != nil:
		t.OnEscape()
	default:
		t.Check.TypedKey(k)
	}
}

// FocusGained is fyne.Focusable.
func (t *Tick) FocusGained() {
	t.Check.FocusGained()
	if t.OnFocus != nil {
		t.OnFocus()
	}
}

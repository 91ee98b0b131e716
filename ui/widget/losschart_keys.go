package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

var (
	_ fyne.Focusable    = (*LossChart)(nil)
	_ fyne.Tappable     = (*LossChart)(nil)
	_ desktop.Hoverable = (*LossChart)(nil)
)

// FocusGained is fyne.Focusable.
func (c *LossChart) FocusGained() {
	c.focused = true
	c.place()
	if c.OnFocus != nil {
		c.OnFocus()
	}
}

// FocusLost is fyne.Focusable.
func (c *LossChart) FocusLost() {
	c.focused = false
	c.place()
}

// TypedRune is fyne.Focusable.
func (c *LossChart) TypedRune(r rune) {
	switch r {
	case 'l', 'L':
		if c.OnLog != nil {
			c.OnLog(!c.loss.Log)
		}
	case 'b', 'B':
		if b := c.loss.Best; b >= 0 && b < len(c.loss.Held) {
			c.pick(c.nearest(c.loss.Held[b].Step))
		}
	}
}

// TypedKey is fyne.Focusable.
func (c *LossChart) TypedKey(k *fyne.KeyEvent) {
	last, page := len(c.steps)-1, max(1, len(c.steps)/10)
	switch k.Name {
	case fyne.KeyLeft:
		if c.at < 0 {
			c.pick(last)
		} else {
			c.pick(max(0, c.at-1))
		}
	case fyne.KeyRight:
		c.pick(min(last, c.at+1))
	case fyne.KeyPageUp:
		c.pick(max(0, c.at-page))
	case fyne.KeyPageDown:
		c.pick(min(last, max(0, c.at)+page))
	case fyne.KeyHome:
		c.pick(0)
	case fyne.KeyEnd:
		c.pick(last)
	case fyne.KeyEscape:
		switch {
		case c.at >= 0:
			c.pick(-1)
		case c.OnEscape != nil:
			c.OnEscape()
		default:
			forwardKey(c, k)
		}
	default:
		forwardKey(c, k)
	}
}

// Tapped is fyne.Tappable: a click gives the chart the keyboard, at the step under the pointer.
func (c *LossChart) Tapped(e *fyne.PointEvent) {
	if w := canvasOf(c); w != nil {
		w.Focus(c)
	}
	c.point(e.Position)
}

// MouseIn is desktop.Hoverable.
func (c *LossChart) MouseIn(e *desktop.MouseEvent) { c.point(e.Position) }

// MouseMoved is desktop.Hoverable.
func (c *LossChart) MouseMoved(e *desktop.MouseEvent) { c.point(e.Position) }

// MouseOut is desktop.Hoverable.
func (c *LossChart) MouseOut() {
	if !c.focused {
		c.pick(-1)
	}
}

func (c *LossChart) point(at fyne.Position) {
	size := c.Size()
	f := c.loss.Layout(int(size.Width), int(size.Height), c.inks.look(1))
	if float64(at.X) < f.Left-4 || float64(at.X) > f.Right+4 {
		return
	}
	c.pick(c.nearest(f.Step(float64(at.X))))
}

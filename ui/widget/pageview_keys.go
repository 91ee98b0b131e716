package widget

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynewidget "fyne.io/fyne/v2/widget"
)

// sizes that Zoom goes through; 1 is as wide as the view.
func zoomSteps() []float32 { return []float32{0.5, 0.7, 0.85, 1, 1.2, 1.5, 2, 2.5, 3, 4} }

// Zoom makes the page larger (1) or smaller (-1).
func (v *PageView) Zoom(by int) { v.zoomAt(by, nil) }

// Fit makes the page as wide as the view.
func (v *PageView) Fit() { v.setZoom(1, nil) }

// zoomAt keeps the point at in its place; nil: the middle.
func (v *PageView) zoomAt(by int, at *fyne.Position) {
	steps := zoomSteps()
	i := slices.IndexFunc(steps, func(s float32) bool { return s >= v.zoom })
	v.setZoom(steps[min(max(i+by, 0), len(steps)-1)], at)
}

func (v *PageView) setZoom(zoom float32, at *fyne.Position) {
	if zoom == v.zoom {
		return
	}
	times := zoom / v.zoom
	v.zoom = zoom
	if v.page.Picture != nil {
		v.picture.zoomed(times, at)
	} else {
		v.text.zoomed()
	}
	v.settle()
}

// pageWheel lies over the page and sees the wheel before what scrolls there does; all else goes through it. (What scrolls
// inside of what scrolls would not be clipped.)
type pageWheel struct {
	fynewidget.BaseWidget
	view *PageView
}

func newPageWheel(v *PageView) *pageWheel {
	w := &pageWheel{view: v}
	w.ExtendBaseWidget(w)
	return w
}

// Scrolled is fyne.Scrollable: with Ctrl the wheel sets the size.
func (w *pageWheel) Scrolled(e *fyne.ScrollEvent) {
	v := w.view
	by := 1
	switch {
	case v.modifiers()&fyne.KeyModifierControl == 0 || e.Scrolled.DY == 0:
		if v.page.Picture != nil {
			v.picture.scroll.Scrolled(e)
		} else {
			v.text.roll.scroll.Scrolled(e)
		}
		return
	case e.Scrolled.DY < 0:
		by = -1
	}
	v.zoomAt(by, &e.Position)
}

// CreateRenderer is fyne.Widget.
func (w *pageWheel) CreateRenderer() fyne.WidgetRenderer {
	return fynewidget.NewSimpleRenderer(canvas.NewRectangle(color.Transparent))
}

func currentModifiers() fyne.KeyModifier {
	if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok {
		return d.CurrentKeyModifiers()
	}
	return 0
}

// takeFocus gives the view the keyboard.
func (v *PageView) takeFocus() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(v); c != nil {
		c.Focus(v)
	}
}

// FocusGained is fyne.Focusable.
func (v *PageView) FocusGained() {
	v.focused = true
	v.Refresh()
	v.picture.Refresh() // the caret
}

// FocusLost is fyne.Focusable.
func (v *PageView) FocusLost() {
	v.focused = false
	v.Refresh()
	v.picture.Refresh()
}

// TypedRune is fyne.Focusable.
func (v *PageView) TypedRune(rune) {}

// lineStep is how far an arrow key scrolls, and pageStep which share of the view a page key.
const (
	lineStep = 48
	pageStep = 0.9
)

// TypedKey is fyne.Focusable.
func (v *PageView) TypedKey(e *fyne.KeyEvent) {
	if v.OnKey != nil && v.OnKey(e) {
		return
	}
	if v.arrow(e.Name) {
		return
	}
	switch height := v.body().Height; e.Name {
	case fyne.KeyDown:
		v.scrollBy(0, lineStep)
	case fyne.KeyUp:
		v.scrollBy(0, -lineStep)
	case fyne.KeyPageDown, fyne.KeySpace:
		if !v.scrollBy(0, pageStep*height) {
			v.turn(1)
		}
	case fyne.KeyPageUp:
		if !v.scrollBy(0, -pageStep*height) {
			v.toEnd = true
			v.toEnd = v.turn(-1) && v.toEnd
		}
	case fyne.KeyLeft:
		if !v.scrollBy(-lineStep, 0) {
			v.turn(-1)
		}
	case fyne.KeyRight:
		if !v.scrollBy(lineStep, 0) {
			v.turn(1)
		}
	case fyne.KeyHome:
		v.scrollBy(0, -1e9)
	case fyne.KeyEnd:
		v.scrollBy(0, 1e9)
	case fyne.KeyEscape:
		if v.picked.on {
			v.pick(picked{})
			return
		}
		if v.OnEscape != nil {
			v.OnEscape()
		}
	}
}

// scrollBy says whether there was anything left to scroll.
func (v *PageView) scrollBy(dx, dy float32) bool {
	if v.page.Picture != nil {
		return v.picture.scrollBy(dx, dy)
	}
	return v.text.scrollBy(dy)
}

// TypedShortcut is fyne.Shortcutable.
func (v *PageView) TypedShortcut(s fyne.Shortcut) {
	switch s := s.(type) {
	case *fyne.ShortcutCopy:
		if text := v.Selected(); text != "" {
			fyne.CurrentApp().Clipboard().SetContent(text)
		}
		return
	case *desktop.CustomShortcut:
		if s.Modifier&^fyne.KeyModifierShift != fyne.KeyModifierControl {
			break
		}
		switch s.KeyName {
		case fyne.KeyPlus, fyne.KeyEqual, fyne.KeySemicolon: // Shift and ; is + on a Japanese keyboard
			v.Zoom(1)
			return
		case fyne.KeyMinus:
			v.Zoom(-1)
			return
		case fyne.Key0:
			v.Fit()
			return
		}
	}
	forward(v, s)
}

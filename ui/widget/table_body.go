package widget

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// tableBody is what a Table scrolls: it has the keyboard, and sees the mouse.
type tableBody struct {
	fynewidget.BaseWidget
	table   *Table
	rows    map[int]*tableRow // in sight
	spare   []*tableRow
	seen    []fyne.CanvasObject
	width   float32
	focused bool
	shift   bool
}

var (
	_ fyne.Focusable      = (*tableBody)(nil)
	_ fyne.Shortcutable   = (*tableBody)(nil)
	_ desktop.Keyable     = (*tableBody)(nil)
	_ desktop.Mouseable   = (*tableBody)(nil)
	_ fyne.DoubleTappable = (*tableBody)(nil)
)

// CreateRenderer is fyne.Widget.
func (b *tableBody) CreateRenderer() fyne.WidgetRenderer { return &tableRenderer{b} }

// MinSize is as high as all rows.
func (b *tableBody) MinSize() fyne.Size {
	return fyne.NewSize(1, float32(b.table.Rows())*b.table.high())
}

// Refresh makes every row in sight anew.
func (b *tableBody) Refresh() {
	b.arrange(true)
	b.BaseWidget.Refresh()
}

// arrange puts the rows in sight where they belong; all says that their contents may have changed.
func (b *tableBody) arrange(all bool) {
	t := b.table
	size := t.scroll.Size()
	if size.Width <= 0 || size.Height <= 0 || t.Rows == nil {
		return
	}
	all = all || size.Width != b.width
	b.width = size.Width
	high := t.high()
	room := max(0, float32(t.Rows())*high-size.Height)
	if t.scroll.Offset.Y > room {
		t.scroll.Offset.Y = room
	}
	first := max(0, int(t.scroll.Offset.Y/high))
	last := min(t.Rows()-1, int((t.scroll.Offset.Y+size.Height)/high))
	for i, r := range b.rows {
		if i < first || i > last {
			b.spare = append(b.spare, r)
			delete(b.rows, i)
		}
	}
	places := t.places(size.Width)
	b.seen = b.seen[:0]
	for i := first; i <= last; i++ {
		r := b.rows[i]
		if r == nil {
			r = b.take()
			b.rows[i] = r
			b.fill(i, r, places)
		} else if all {
			b.fill(i, r, places)
		}
		b.seen = r.objects(b.seen)
	}
	canvas.Refresh(b)
}

func (b *tableBody) take() *tableRow {
	if n := len(b.spare); n > 0 {
		r := b.spare[n-1]
		b.spare = b.spare[:n-1]
		return r
	}
	r := &tableRow{back: canvas.NewRectangle(color.Transparent)}
	r.back.CornerRadius = 4
	for range b.table.Columns {
		r.cells = append(r.cells, canvas.NewText("", color.Black))
	}
	return r
}

func (b *tableBody) fill(row int, r *tableRow, places []columnPlace) {
	t := b.table
	high := t.high()
	y := float32(row) * high
	r.back.Move(fyne.NewPos(1, y+1))
	r.back.Resize(fyne.NewSize(b.width-tableMargin, high-2))
	r.back.FillColor, r.back.StrokeColor, r.back.StrokeWidth = color.Transparent, color.Transparent, 0
	if t.Marked != nil && t.Marked(row) {
		r.back.FillColor = themeColor(fynetheme.ColorNameSelection)
	}
	if row == t.cursor {
		r.back.StrokeWidth = 1
		r.back.StrokeColor = themeColor(fynetheme.ColorNameSeparator)
		if b.focused {
			r.back.StrokeWidth = 2
			r.back.StrokeColor = themeColor(fynetheme.ColorNamePrimary)
		}
	}
	for i, c := range r.cells {
		cell := t.Cell(row, i)
		if cell.Color == "" {
			cell.Color = colorForeground
		}
		width := places[i].width - 2*cellPad
		if width <= 0 {
			cell.Text = ""
		}
		c.Text, c.TextSize, c.Color = t.ruler.shorten(cell.Text, width), t.ruler.Size, themeColor(cell.Color)
		c.Alignment = fyne.TextAlignLeading
		if t.Columns[i].End {
			c.Alignment = fyne.TextAlignTrailing
		}
		c.Move(fyne.NewPos(places[i].x+cellPad, y+(high-t.ruler.Line())/2))
		c.Resize(fyne.NewSize(width, t.ruler.Line()))
		canvas.Refresh(c)
	}
}

// FocusGained is fyne.Focusable.
func (b *tableBody) FocusGained() {
	b.focused = true
	b.arrange(true)
}

// FocusLost is fyne.Focusable.
func (b *tableBody) FocusLost() {
	b.focused, b.shift = false, false
	b.arrange(true)
}

// TypedRune is fyne.Focusable.
func (b *tableBody) TypedRune(rune) {}

// KeyDown is desktop.Keyable.
func (b *tableBody) KeyDown(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		b.shift = true
	}
}

// KeyUp is desktop.Keyable.
func (b *tableBody) KeyUp(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		b.shift = false
	}
}

// TypedKey is fyne.Focusable.
func (b *tableBody) TypedKey(k *fyne.KeyEvent) {
	t := b.table
	if t.OnKey != nil && t.OnKey(k) {
		return
	}
	how := MoveOnly
	if ShiftHeld(b.shift) {
		how = MoveExtend
	}
	page := max(1, int(t.scroll.Size().Height/t.high())-1)
	switch k.Name {
	case fyne.KeyUp:
		t.move(t.cursor-1, how)
	case fyne.KeyDown:
		t.move(t.cursor+1, how)
	case fyne.KeyPageUp:
		t.move(t.cursor-page, how)
	case fyne.KeyPageDown:
		t.move(t.cursor+page, how)
	case fyne.KeyHome:
		t.move(0, how)
	case fyne.KeyEnd:
		t.move(t.Rows()-1, how)
	case fyne.KeySpace:
		t.move(t.cursor, MoveToggle)
	case fyne.KeyReturn, fyne.KeyEnter:
		if row := t.Cursor(); row >= 0 && t.OnOpen != nil {
			t.OnOpen(row)
		}
	default:
		if c := fyne.CurrentApp().Driver().CanvasForObject(b); c != nil && c.OnTypedKey() != nil {
			c.OnTypedKey()(k)
		}
	}
}

// TypedShortcut is fyne.Shortcutable: Ctrl and an arrow moves the cursor alone, everything else is the window's.
func (b *tableBody) TypedShortcut(s fyne.Shortcut) {
	t := b.table
	switch s := s.(type) {
	case *fyne.ShortcutSelectAll:
		if t.OnAll != nil {
			t.OnAll()
			b.arrange(true)
		}
		return
	case *desktop.CustomShortcut:
		if s.Modifier == fyne.KeyModifierControl {
			switch s.KeyName {
			case fyne.KeyUp:
				t.move(t.cursor-1, MoveCursor)
				return
			case fyne.KeyDown:
				t.move(t.cursor+1, MoveCursor)
				return
			case fyne.KeySpace:
				t.move(t.cursor, MoveToggle)
				return
			}
		}
	}
	forward(b, s)
}

// MouseDown is desktop.Mouseable.
func (b *tableBody) MouseDown(e *desktop.MouseEvent) {
	row := int(e.Position.Y / b.table.high())
	if e.Button != desktop.MouseButtonPrimary || row < 0 || row >= b.table.Rows() {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(b); c != nil {
		c.Focus(b)
	}
	how := MoveOnly
	switch {
	case e.Modifier&fyne.KeyModifierControl != 0:
		how = MoveToggle
	case e.Modifier&fyne.KeyModifierShift != 0:
		how = MoveExtend
	}
	b.table.move(row, how)
}

// MouseUp is desktop.Mouseable.
func (b *tableBody) MouseUp(*desktop.MouseEvent) {}

// DoubleTapped is fyne.DoubleTappable.
func (b *tableBody) DoubleTapped(e *fyne.PointEvent) {
	row := int(e.Position.Y / b.table.high())
	if b.table.OnOpen != nil && row >= 0 && row < b.table.Rows() {
		b.table.OnOpen(row)
	}
}

type tableRenderer struct{ body *tableBody }

func (r *tableRenderer) Destroy()                     {}
func (r *tableRenderer) Layout(fyne.Size)             { r.body.arrange(false) }
func (r *tableRenderer) MinSize() fyne.Size           { return r.body.MinSize() }
func (r *tableRenderer) Objects() []fyne.CanvasObject { return r.body.seen }
func (r *tableRenderer) Refresh()                     {}

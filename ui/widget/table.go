package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Column is one column of a Table.
type Column struct {
	Title  string
	Sample string // the widest usual text: as wide as this or the title
	Grow   bool   // shares the room that is left
	End    bool   // numbers: at the right edge
	Spare  int    // where there is no room for all, the column with the largest Spare is left out first; 0: never
}

// Cell is what stands in a column of a row.
type Cell struct {
	Text  string
	Color fyne.ThemeColorName // "" is the foreground
}

// Table is a long list in columns, of which only the rows in sight exist. One row has the cursor; which rows are marked is the
// owner's. Up, Down, PageUp, PageDown, Home and End move the cursor, Shift marks along the way, Space marks one, Ctrl+A all.
type Table struct {
	fynewidget.BaseWidget
	Columns []Column
	Rows    func() int
	Cell    func(row, column int) Cell
	Marked  func(row int) bool
	// OnMove is called when a person puts the cursor on a row. Every callback may be nil.
	OnMove func(row int, how Move)
	OnOpen func(row int)             // Enter or a double click
	OnAll  func()                    // Ctrl+A
	OnKey  func(*fyne.KeyEvent) bool // sees keys first
	OnSort func(column int)          // a title was pressed
	Sorted func() (column int, down bool)

	body   *tableBody
	head   *fyne.Container
	titles []*Button
	scroll *container.Scroll
	ruler  *Ruler
	cursor int
}

// Move says what a person meant by going to a row.
type Move int

const (
	MoveOnly   Move = iota // to this row, and mark nothing else
	MoveToggle             // mark or unmark it: Space, Ctrl and click
	MoveExtend             // mark from the last one to here: Shift
	MoveCursor             // the cursor alone
)

// NewTable makes a Table. Set its functions before it is shown.
func NewTable(columns []Column) *Table {
	t := &Table{Columns: columns, ruler: NewRuler(fynetheme.TextSize())}
	t.body = &tableBody{table: t, rows: map[int]*tableRow{}}
	t.body.ExtendBaseWidget(t.body)
	t.scroll = container.NewVScroll(t.body)
	t.scroll.OnScrolled = func(fyne.Position) { t.body.arrange(false) }
	t.head = container.NewWithoutLayout()
	for i, c := range columns {
		b := NewButton(c.Title, nil, func() {
			if t.OnSort != nil {
				t.OnSort(i)
			}
		})
		b.Importance, b.Alignment = fynewidget.LowImportance, fynewidget.ButtonAlignLeading
		if c.End {
			b.Alignment = fynewidget.ButtonAlignTrailing
		}
		t.titles = append(t.titles, b)
		t.head.Add(b)
	}
	t.ExtendBaseWidget(t)
	return t
}

// Focus is what takes the keyboard.
func (t *Table) Focus() fyne.Focusable { return t.body }

// Cursor is the row of the cursor; -1 without rows.
func (t *Table) Cursor() int { return min(t.cursor, t.Rows()-1) }

// SetCursor puts the cursor on a row and brings it into sight.
func (t *Table) SetCursor(row int) {
	t.cursor = max(0, min(row, t.Rows()-1))
	t.show(t.cursor)
	t.body.arrange(true)
}

// Update takes everything anew.
func (t *Table) Update() {
	t.cursor = max(0, min(t.cursor, t.Rows()-1))
	sorted, down := -1, false
	if t.Sorted != nil {
		sorted, down = t.Sorted()
	}
	for i, b := range t.titles {
		text := t.Columns[i].Title
		switch {
		case i == sorted && down:
			text += " ▼"
		case i == sorted:
			text += " ▲"
		}
		b.SetText(text)
	}
	t.body.Refresh()
	t.scroll.Refresh()
}

// Marks shows anew which rows are marked.
func (t *Table) Marks() { t.body.arrange(true) }

// CreateRenderer is fyne.Widget.
func (t *Table) CreateRenderer() fyne.WidgetRenderer {
	return fynewidget.NewSimpleRenderer(container.New(tableLayout{t}, t.head, t.scroll))
}

// tableLayout puts the titles above the rows.
type tableLayout struct{ t *Table }

func (l tableLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	t := l.t
	high := t.titles[0].MinSize().Height
	t.head.Resize(fyne.NewSize(size.Width, high))
	for i, at := range t.places(size.Width) {
		show(t.titles[i], at.width > 0)
		t.titles[i].Move(fyne.NewPos(at.x, 0))
		t.titles[i].Resize(fyne.NewSize(at.width, high))
	}
	t.scroll.Move(fyne.NewPos(0, high))
	t.scroll.Resize(fyne.NewSize(size.Width, max(0, size.Height-high)))
	t.body.arrange(true)
}

func (l tableLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	t := l.t
	width := float32(tableMargin)
	for i, c := range t.Columns {
		if c.Spare == 0 {
			width += t.least(i)
		}
	}
	return fyne.NewSize(width, t.titles[0].MinSize().Height+3*t.high())
}

// tableMargin is kept free at the right for the scroll bar.
const tableMargin = 10

// cellPad is the room beside a cell's text.
const cellPad = 8

type columnPlace struct{ x, width float32 }

func (t *Table) least(column int) float32 {
	c := t.Columns[column]
	width := max(t.ruler.Width(c.Title+" ▲", false)+2*fynetheme.InnerPadding(), t.ruler.Width(c.Sample, false)+2*cellPad)
	return width
}

// places gives each column its room; one that is left out has none.
func (t *Table) places(width float32) []columnPlace {
	out := make([]columnPlace, len(t.Columns))
	rest, growing := width-tableMargin, 0
	for i, c := range t.Columns {
		out[i].width = t.least(i)
		rest -= out[i].width
		if c.Grow {
			growing++
		}
	}
	for rest < 0 {
		spare := -1
		for i, c := range t.Columns {
			if c.Spare > 0 && out[i].width > 0 && (spare < 0 || c.Spare > t.Columns[spare].Spare) {
				spare = i
			}
		}
		if spare < 0 {
			break
		}
		rest += out[spare].width
		out[spare].width = 0
	}
	x := float32(0)
	for i, c := range t.Columns {
		if c.Grow && rest > 0 {
			out[i].width += rest / float32(growing)
		}
		out[i].x = x
		x += out[i].width
	}
	return out
}

// high is the height of a row.
func (t *Table) high() float32 { return t.ruler.Line() + 10 }

// show scrolls so that a row is in sight.
func (t *Table) show(row int) {
	top, high := float32(row)*t.high(), t.high()
	switch view := t.scroll.Size().Height; {
	case top < t.scroll.Offset.Y:
		t.scroll.ScrollToOffset(fyne.NewPos(0, top))
	case top+high > t.scroll.Offset.Y+view:
		t.scroll.ScrollToOffset(fyne.NewPos(0, top+high-view))
	}
}

// ScrollTo scrolls to a distance from the top.
func (t *Table) ScrollTo(y float32) {
	t.scroll.ScrollToOffset(fyne.NewPos(0, y))
	t.body.arrange(false)
}

// move is a person's way to a row.
func (t *Table) move(row int, how Move) {
	n := t.Rows()
	if n == 0 {
		return
	}
	t.cursor = max(0, min(row, n-1))
	t.show(t.cursor)
	if t.OnMove != nil {
		t.OnMove(t.cursor, how)
	}
	t.body.arrange(true)
}

// shorten cuts a text to a width, with an ellipsis.
func (r *Ruler) shorten(text string, width float32) string {
	if r.Width(text, false) <= width {
		return text
	}
	rs := []rune(text)
	low, high := 0, min(len(rs), int(width)) // no character is narrower than a unit
	for low < high {
		mid := (low + high + 1) / 2
		if fyne.MeasureText(string(rs[:mid])+"…", r.Size, fyne.TextStyle{}).Width <= width {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return string(rs[:low]) + "…"
}

// tableRow is the widgets of one row in sight.
type tableRow struct {
	back  *canvas.Rectangle
	cells []*canvas.Text
}

func (r *tableRow) objects(out []fyne.CanvasObject) []fyne.CanvasObject {
	out = append(out, r.back)
	for _, c := range r.cells {
		out = append(out, c)
	}
	return out
}

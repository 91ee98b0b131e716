package widget_test

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"kakoi/ui/widget"
)

// tableOf is a table of n rows on a window, and what a person did with it.
func tableOf(t *testing.T, n int) (*widget.Table, fyne.Window, *[]string) {
	t.Helper()
	test.NewTempApp(t)
	said := &[]string{}
	note := func(format string, args ...any) { *said = append(*said, fmt.Sprintf(format, args...)) }
	table := widget.NewTable([]widget.Column{{Title: "Name", Sample: "xxxxxxxx", Grow: true}, {Title: "Size", Sample: "0000", End: true, Spare: 1}})
	table.Rows = func() int { return n }
	table.Cell = func(row, col int) widget.Cell { return widget.Cell{Text: fmt.Sprint(row, "/", col)} }
	table.OnMove = func(row int, how widget.Move) { note("move %d %d", row, how) }
	table.OnOpen = func(row int) { note("open %d", row) }
	table.OnSort = func(col int) { note("sort %d", col) }
	table.OnAll = func() { note("all") }
	w := test.NewTempWindow(t, table)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(300, 200))
	return table, w, said
}

func last(t *testing.T, said *[]string, want string) {
	t.Helper()
	if n := len(*said); n == 0 || (*said)[n-1] != want {
		t.Errorf("said %v, want %s at the end", *said, want)
	}
}

func TestTableKeys(t *testing.T) {
	table, w, said := tableOf(t, 1000)
	w.Canvas().Focus(table.Focus())
	press := func(name fyne.KeyName) { w.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: name}) }
	press(fyne.KeyDown)
	last(t, said, fmt.Sprintf("move 1 %d", widget.MoveOnly))
	press(fyne.KeyUp)
	press(fyne.KeyUp)
	last(t, said, fmt.Sprintf("move 0 %d", widget.MoveOnly))
	press(fyne.KeyEnd)
	last(t, said, fmt.Sprintf("move 999 %d", widget.MoveOnly))
	press(fyne.KeySpace)
	last(t, said, fmt.Sprintf("move 999 %d", widget.MoveToggle))
	press(fyne.KeyReturn)
	last(t, said, "open 999")
	table.Focus().(desktop.Keyable).KeyDown(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	press(fyne.KeyHome)
	last(t, said, fmt.Sprintf("move 0 %d", widget.MoveExtend))
	table.Focus().(fyne.Shortcutable).TypedShortcut(&fyne.ShortcutSelectAll{})
	last(t, said, "all")
}

func TestTableMouse(t *testing.T) {
	table, w, said := tableOf(t, 1000)
	down := func(y float32, m fyne.KeyModifier) {
		table.Focus().(desktop.Mouseable).MouseDown(&desktop.MouseEvent{
			PointEvent: fyne.PointEvent{Position: fyne.NewPos(20, y)}, Button: desktop.MouseButtonPrimary, Modifier: m,
		})
	}
	down(2, 0)
	last(t, said, fmt.Sprintf("move 0 %d", widget.MoveOnly))
	if w.Canvas().Focused() != table.Focus() {
		t.Error("a click does not give it the keyboard")
	}
	down(100, fyne.KeyModifierShift)
	down(2, fyne.KeyModifierControl)
	last(t, said, fmt.Sprintf("move 0 %d", widget.MoveToggle))
	table.Focus().(fyne.DoubleTappable).DoubleTapped(&fyne.PointEvent{Position: fyne.NewPos(20, 2)})
	last(t, said, "open 0")
}

// TestTableShrinks: fewer rows than before leave the cursor on the last one, and nothing out of range is asked for.
func TestTableShrinks(t *testing.T) {
	table, _, _ := tableOf(t, 1000)
	table.SetCursor(900)
	n := 3
	table.Rows = func() int { return n }
	table.Cell = func(row, col int) widget.Cell {
		if row >= n {
			t.Errorf("row %d of %d is asked for", row, n)
		}
		return widget.Cell{}
	}
	table.Update()
	if table.Cursor() != 2 {
		t.Errorf("the cursor is at %d", table.Cursor())
	}
	n = 0
	table.Update()
	if table.Cursor() != -1 {
		t.Errorf("without rows the cursor is at %d", table.Cursor())
	}
}

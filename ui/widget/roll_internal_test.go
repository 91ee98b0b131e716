package widget

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
)

// A person who pages up leaves the end, and comes back to following it by going there.
func TestRollEndIsLeftByPaging(t *testing.T) {
	test.NewTempApp(t)
	rows := 50
	keys := func() []string {
		var out []string
		for i := range rows {
			out = append(out, fmt.Sprint(i))
		}
		return out
	}
	makeRow := func(int) fyne.CanvasObject {
		o := canvas.NewRectangle(nil)
		o.SetMinSize(fyne.NewSize(10, 40))
		return o
	}
	for _, still := range []bool{false, true} {
		rows = 50
		r := NewRoll(keys, func(int, float32) float32 { return 20 }, makeRow)
		r.Still = still
		if still {
			r.ToOffset(0)
		}
		test.NewTempWindow(t, r).Resize(fyne.NewSize(200, 300))
		if atEnd := r.Offset() > 0; atEnd == still {
			t.Errorf("still %v: begins at %v", still, r.Offset())
		}
		r.ToEnd()
		end := r.Offset()
		r.PageBy(-0.5)
		if r.Offset() >= end || r.Following() {
			t.Errorf("still %v: paging up leaves it at %v of %v", still, r.Offset(), end)
		}
		r.PageBy(1)
		rows++
		r.Update()
		if moved := r.Offset() > end; moved == still {
			t.Errorf("still %v: at %v after a row came to the end %v", still, r.Offset(), end)
		}
	}
}

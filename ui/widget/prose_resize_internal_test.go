package widget

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// A text that was measured in its new width before it is given that width is drawn in it all the same.
func TestProseIsDrawnInTheWidthItWasMeasuredIn(t *testing.T) {
	test.NewTempApp(t)
	p := NewProse(NewRuler(14), Run{Text: strings.Repeat("long words ", 30)})
	p.Resize(fyne.NewSize(100, p.HeightFor(100)))
	lines := func() int { return len(test.WidgetRenderer(p).Objects()) }
	narrow := lines()
	for range 2 {
		p.Resize(fyne.NewSize(600, p.HeightFor(600)))
		p.HeightFor(100) // as MinSize does
		p.Resize(fyne.NewSize(600, p.HeightFor(600)))
	}
	if wide := lines(); wide >= narrow/3 || wide != len(p.laid.lines) {
		t.Fatalf("%d lines drawn, %d before, %d laid out", wide, narrow, len(p.laid.lines))
	}
}

package settings

import (
	"errors"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/settings"
)

// TestSplitterAsksWithItsCost: nothing changes before a person says yes, and nothing is asked where there are no documents.
func TestSplitterAsksWithItsCost(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		d := &desk{lang: lang}
		m, file, _ := newModel(t, d)
		l := &shelf{
			plan: app.RefreshPlan{Documents: 12, Chunks: 345, New: 67, Rate: 8.25, Time: 9 * time.Second, Bytes: 4_500_000},
			done: func(name string) { _ = file.Update(func(s *settings.Settings) { s.Splitter = name }) },
		}
		m.library = l
		m.set("splitter", "techlab")
		if len(d.asked) != 1 || len(l.split) != 0 || file.Get().Splitter != "recommended" {
			t.Fatalf("%s: asked %d times, split %v, set is %s", lang, len(d.asked), l.split, file.Get().Splitter)
		}
		for _, part := range []string{"12", "67", "345", "8.2", "0:09", "4.5 MB"} {
			if !strings.Contains(d.asked[0].Text, part) {
				t.Errorf("%s: %q does not say %s", lang, d.asked[0].Text, part)
			}
		}
		if m.current("splitter") != "recommended" { // the answer was no
			t.Error("it is shown as set")
		}
		d.asked[0].Then()
		if len(l.split) != 1 || l.split[0] != "techlab" || file.Get().Splitter != "techlab" || !strings.Contains(d.toasts[len(d.toasts)-1], "67") {
			t.Errorf("%s: split %v, said %q", lang, l.split, d.toasts)
		}
		m.set("splitter", "techlab")
		if len(d.asked) != 1 {
			t.Error("asked about what is set")
		}
		l.plan = app.RefreshPlan{}
		m.set("splitter", "recommended")
		if len(d.asked) != 1 || file.Get().Splitter != "recommended" {
			t.Error("without documents it is set at once")
		}
		l.err = errors.New("no model")
		m.set("splitter", "techlab")
		if len(d.errors) != 1 || file.Get().Splitter != "recommended" || m.planning {
			t.Errorf("%s: errors %v", lang, d.errors)
		}
	}
}

package library

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
)

// mended is a data folder that was repaired by itself.
type mended struct {
	notice app.RepairNotice
	there  bool
}

func (m *mended) Notice() (app.RepairNotice, bool, error) { return m.notice, m.there, nil }
func (m *mended) CloseNotice() error                      { m.there = false; return nil }
func (m *mended) Undoable() (app.Swap, bool, error)       { return app.Swap{}, true, nil }

// TestRepairedByItself: what was repaired while nobody looked is pointed to, stands above the documents in either language, and goes when a person closes it.
func TestRepairedByItself(t *testing.T) {
	for lang, want := range map[string][]string{
		"en": {"Repaired by itself (", "1 of 2 documents", "規程.pdf: pages are lost", "kakoi restore --undo"},
		"ja": {"自動で修復しました（", "2 件のうち、1 件は元に", "規程.pdf: pages are lost", "kakoi restore --undo"},
	} {
		d := newDesk(t)
		d.lang = lang
		m := &mended{there: true, notice: app.RepairNotice{When: time.Unix(1_780_000_000, 0), Places: 3, Bytes: 8200, Harmed: 2, Done: true, Whole: 1, Lost: []app.Failure{{Reason: "規程.pdf: pages are lost"}}}}
		s := New(Params{Shell: d, Library: &shelf{docs: docs(5)}, Folders: &links{}, Bus: d.bus, Repairs: m})
		d.until("it is pointed to on another screen", func() bool { return len(d.toasts) > 0 })
		w := onWindow(t, d, s, theme.Light, 100, fyne.NewSize(900, 500))
		said := strings.Join(s.m.repaired, "\n")
		for _, one := range want {
			if !strings.Contains(said, one) {
				t.Errorf("%s: %q is not in %s", lang, one, said)
			}
		}
		if len(d.toasts) != 1 {
			t.Errorf("%s: pointed to by %q", lang, d.toasts)
		}
		uitest.LooksLike(t, "repaired_"+lang+".png", w.Canvas().Capture())
		tabTo(t, w, "the close", buttonCalled(d.Text("documents.close")))
		key(w, false, fyne.KeyReturn)
		if m.there || len(s.m.repaired) != 0 {
			t.Errorf("%s: it stays", lang)
		}
	}
}

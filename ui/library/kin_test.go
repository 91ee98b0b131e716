package library

import (
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// TestOpenedNamesItsCopies: the data of an open document name the documents that say the same, first of all.
func TestOpenedNamesItsCopies(t *testing.T) {
	w := newWorld(t)
	text := "The budget of the department is 24,500 dollars."
	w.file("a.txt", text)
	w.file("b.txt", text+"\n")
	w.file("c.txt", "Something else.")
	s := w.screen()
	onWindow(t, w.desk, s, theme.Light, 100, fyne.NewSize(800, 500))
	s.Drop([]string{filepath.Join(w.dir, "docs")})
	w.until("added", func() bool { return len(s.m.list.all) == 3 && len(s.m.adding.tasks) == 0 })
	for i, want := range []string{"b.txt", "a.txt", ""} {
		s.m.list.goTo(i, widget.MoveOnly)
		s.open()
		w.until("opened", func() bool { return s.m.opened.view != nil && (want == "") == (s.m.opened.kin() == "") })
		if got := s.m.opened.kin(); want != "" && !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q", s.m.opened.doc.Name, got)
		}
		if first := s.page.said; want != "" && !strings.Contains(first, s.m.opened.kin()) {
			t.Errorf("not shown: %s", first)
		}
		s.back()
	}
}

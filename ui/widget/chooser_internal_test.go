package widget

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"kakoi/resources"
	"kakoi/ui/theme"
)

// chooserWindow opens a chooser on a window of the test driver.
func chooserWindow(t *testing.T, p ChooserParams, home string) (*chooserView, fyne.Canvas, *[]string) {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light, 100, theme.LoadFonts(os.Getenv("KAKOI_FONTS"))))
	w := test.NewTempWindow(t, NewEntry())
	w.Resize(fyne.NewSize(1024, 700))
	var chosen []string
	p.Window = w
	p.Text = func(key string, args ...any) string { return resources.Format("ja", key, args...) }
	p.Post = func(f func()) { f() }
	p.Then = func(paths []string) { chosen = append(chosen, paths...) }
	c := newChooser(p, home)
	c.work = func(f func()) { f() }
	v := newChooserView(p, c)
	c.start(p.Start, p.Recent)
	return v, w.Canvas(), &chosen
}

func press(c fyne.Canvas, names ...fyne.KeyName) {
	for _, name := range names {
		c.Focused().TypedKey(&fyne.KeyEvent{Name: name})
		if r := map[fyne.KeyName]rune{fyne.KeySpace: ' '}[name]; r != 0 && c.Focused() != nil {
			c.Focused().TypedRune(r)
		}
	}
}

func TestChooserByKeyboard(t *testing.T) {
	dir := tree(t, "資料/就業規則.pdf", "資料/価格表.html", "資料/会議/", "z.txt")
	v, canvas, chosen := chooserWindow(t, ChooserParams{Title: "ファイルを選ぶ", Start: dir}, dir)
	press(canvas, fyne.KeyReturn) // into the only folder
	if v.path.Text != filepath.Join(dir, "資料") {
		t.Fatalf("the path says %q", v.path.Text)
	}
	press(canvas, fyne.KeyBackspace, fyne.KeyReturn)
	for _, r := range "就" {
		canvas.Focused().TypedRune(r)
	}
	press(canvas, fyne.KeySpace, fyne.KeyUp, fyne.KeySpace)
	canvas.Focused().(fyne.Shortcutable).TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyReturn, Modifier: fyne.KeyModifierControl})
	want := []string{filepath.Join(dir, "資料", "価格表.html"), filepath.Join(dir, "資料", "就業規則.pdf")}
	if !slices.Equal(*chosen, want) {
		t.Fatalf("chose %q, want %q", *chosen, want)
	}
	if canvas.Overlays().Top() != nil {
		t.Fatal("the chooser is still open")
	}
}

func TestChooserEscapeChoosesNothing(t *testing.T) {
	dir := tree(t, "a.txt")
	for _, mode := range []ChooserMode{ChooseFiles, ChooseFolder, ChooseSave} {
		_, canvas, chosen := chooserWindow(t, ChooserParams{Mode: mode, Start: dir}, dir)
		press(canvas, fyne.KeyEscape)
		if canvas.Overlays().Top() != nil || len(*chosen) != 0 {
			t.Errorf("mode %d: open %v, chose %q", mode, canvas.Overlays().Top() != nil, *chosen)
		}
	}
}

func TestChooserTypedPathCompletes(t *testing.T) {
	dir := tree(t, "Documents/規則/x.txt", "Downloads/")
	v, canvas, chosen := chooserWindow(t, ChooserParams{Start: dir}, dir)
	canvas.Focused().(fyne.Shortcutable).TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyL, Modifier: fyne.KeyModifierControl})
	if canvas.Focused() != v.path {
		t.Fatalf("Ctrl+L leaves the focus on %T", canvas.Focused())
	}
	if v.path.SelectedText() != dir {
		t.Fatalf("Ctrl+L selects %q", v.path.SelectedText())
	}
	v.focusList()
	canvas.Focused().TypedRune('/') // begins a path as well
	test.Type(v.path, dir[1:]+"/doc")
	if !v.path.AcceptsTab() || v.hint.Text == "" {
		t.Fatalf("no proposal for %q (hint %q)", v.path.Text, v.hint.Text)
	}
	press(canvas, fyne.KeyTab)
	if want := dir + "/Documents/"; v.path.Text != want {
		t.Fatalf("completed to %q, want %q", v.path.Text, want)
	}
	press(canvas, fyne.KeyTab, fyne.KeyReturn)
	if want := filepath.Join(dir, "Documents", "規則"); v.c.folder != want || canvas.Focused() != v.list {
		t.Fatalf("in %s, focus on %T; want %s", v.c.folder, canvas.Focused(), want)
	}
	press(canvas, fyne.KeyReturn)
	if len(*chosen) != 1 {
		t.Fatalf("chose %q", *chosen)
	}
}

func TestChooserTabMovesOnWhereNothingIsToComplete(t *testing.T) {
	dir := tree(t, "a.txt")
	v, canvas, _ := chooserWindow(t, ChooserParams{Start: dir}, dir)
	canvas.Focus(v.path)
	if v.path.AcceptsTab() {
		t.Fatal("the path keeps the Tab key for nothing")
	}
	seen := map[fyne.Focusable]bool{}
	for range 12 {
		canvas.FocusNext()
		seen[canvas.Focused()] = true
	}
	for _, o := range []fyne.Focusable{v.path, v.places, v.list, v.no, v.yes} {
		if !seen[o] {
			t.Errorf("%T is not reached by Tab", o)
		}
	}
}

func TestChooserSaveAsks(t *testing.T) {
	dir := tree(t, "old.md")
	v, canvas, chosen := chooserWindow(t, ChooserParams{Mode: ChooseSave, Name: "old.md", Start: dir}, dir)
	press(canvas, fyne.KeyReturn)
	if canvas.Focused() != v.no || v.yes.Text != resources.Format("ja", "chooser.overwrite") {
		t.Fatalf("focus on %T, button %q", canvas.Focused(), v.yes.Text)
	}
	press(canvas, fyne.KeyReturn) // no
	if len(*chosen) != 0 || canvas.Focused() != v.name || v.c.existing != "" {
		t.Fatalf("chose %q, focus on %T", *chosen, canvas.Focused())
	}
	press(canvas, fyne.KeyReturn)
	canvas.Focus(v.yes)
	press(canvas, fyne.KeyReturn)
	if want := []string{filepath.Join(dir, "old.md")}; !slices.Equal(*chosen, want) {
		t.Fatalf("chose %q, want %q", *chosen, want)
	}
}

// TestChooserSaveUnderAnotherName: what is typed takes the place of the proposal, and its ending stays.
func TestChooserSaveUnderAnotherName(t *testing.T) {
	dir := tree(t, "old.md")
	v, canvas, chosen := chooserWindow(t, ChooserParams{Mode: ChooseSave, Name: "鍵 2026.kakoi-capsule", Start: dir}, dir)
	if canvas.Focused() != v.name || v.name.SelectedText() != "鍵 2026" {
		t.Fatalf("focus on %T, %q is selected", canvas.Focused(), v.name.SelectedText())
	}
	for _, r := range "mine" {
		canvas.Focused().TypedRune(r)
	}
	press(canvas, fyne.KeyReturn)
	if want := []string{filepath.Join(dir, "mine.kakoi-capsule")}; !slices.Equal(*chosen, want) {
		t.Fatalf("chose %q, want %q", *chosen, want)
	}
}

func TestChooserPlacesByKeyboard(t *testing.T) {
	home := tree(t, "Documents/x.txt", "other/")
	t.Setenv("XDG_CONFIG_HOME", home)
	v, canvas, _ := chooserWindow(t, ChooserParams{Start: filepath.Join(home, "other")}, home)
	canvas.Focus(v.places)
	press(canvas, fyne.KeyDown, fyne.KeyReturn)
	if want := filepath.Join(home, "Documents"); v.c.folder != want || canvas.Focused() != v.list {
		t.Fatalf("in %s, focus on %T", v.c.folder, canvas.Focused())
	}
}

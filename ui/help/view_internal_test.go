package help

import (
	"os"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/resources"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

type window struct {
	lang string
	w    fyne.Window
}

func (f *window) Text(key string, args ...any) string { return resources.Format(f.lang, key, args...) }
func (f *window) Lang() string                        { return f.lang }
func (f *window) Window() fyne.Window                 { return f.w }

func newScreen(t *testing.T, lang string) (*Screen, fyne.Canvas, *window) {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light, 100, theme.LoadFonts(os.Getenv("KAKOI_FONTS"))))
	shell := &window{lang, test.NewTempWindow(t, widget.NewEntry())}
	s := New(Params{shell, func() []widget.ShortcutGroup {
		return []widget.ShortcutGroup{
			{Title: "help.everywhere", Shortcuts: []widget.Shortcut{{Modifier: fyne.KeyModifierControl, Key: fyne.KeyQ, Text: "chooser.save"}, {Key: fyne.KeyF1, Text: "chooser.open"}}},
			{Title: "chooser.home", Shortcuts: []widget.Shortcut{{Modifier: fyne.KeyModifierControl, Key: fyne.KeyPlus, Text: "chooser.name"}}},
		}
	}})
	shell.w.SetContent(s.Build())
	shell.w.Resize(fyne.NewSize(900, 600))
	s.Shown()
	s.Focus()
	return s, shell.w.Canvas(), shell
}

func press(c fyne.Canvas, names ...fyne.KeyName) {
	for _, name := range names {
		c.Focused().TypedKey(&fyne.KeyEvent{Name: name})
	}
}

func TestHelpBeginsWithTheShortcuts(t *testing.T) {
	s, canvas, _ := newScreen(t, "en")
	if canvas.Focused() != s.search || s.roll.First() != "keys" {
		t.Fatalf("focus on %T, first row %q", canvas.Focused(), s.roll.First())
	}
	if len(s.m.groups) != 2 || s.m.groups[0].lines[0] != (keyLine{"Ctrl+Q", resources.Format("en", "chooser.save")}) {
		t.Fatalf("groups %+v", s.m.groups)
	}
}

func TestHelpByKeyboard(t *testing.T) {
	s, canvas, _ := newScreen(t, "ja")
	press(canvas, fyne.KeyPageDown)
	if s.roll.Offset() <= 0 || canvas.Focused() != s.search {
		t.Fatalf("PageDown: offset %v, focus on %T", s.roll.Offset(), canvas.Focused())
	}
	press(canvas, fyne.KeyDown, fyne.KeyDown, fyne.KeyDown, fyne.KeyReturn)
	if want := s.m.chapters[2].row; s.roll.First() != want {
		t.Fatalf("the third entry leads to %q, want %q", s.roll.First(), want)
	}
	press(canvas, fyne.KeyUp, fyne.KeyUp, fyne.KeyUp)
	if canvas.Focused() != s.search {
		t.Fatalf("Up ends on %T", canvas.Focused())
	}
}

func TestHelpSearch(t *testing.T) {
	s, canvas, _ := newScreen(t, "ja")
	all := len(s.buttons)
	test.Type(s.search, "暗号化")
	if n := len(s.buttons); n == 0 || n >= all || s.none.Visible() {
		t.Fatalf("%d of %d chapters", n, all)
	}
	test.Type(s.search, "zzz")
	if len(s.buttons) != 0 || !s.none.Visible() {
		t.Fatalf("%d chapters, sentence shown %v", len(s.buttons), s.none.Visible())
	}
	press(canvas, fyne.KeyEscape)
	if len(s.buttons) != all || s.none.Visible() || s.roll.First() != "keys" {
		t.Fatalf("Escape leaves %d of %d chapters, first row %q", len(s.buttons), all, s.roll.First())
	}
}

// After a change of language everything is in the other one.
func TestHelpInTheOtherLanguage(t *testing.T) {
	s, _, shell := newScreen(t, "ja")
	ja := titles(&s.m)
	shell.lang = "en"
	shell.w.SetContent(s.Build())
	s.Shown()
	if en := titles(&s.m); len(en) != len(ja) || slices.Equal(en, ja) {
		t.Fatalf("ja %q, en %q", ja, en)
	}
	for _, r := range s.m.rows {
		if r.group != nil {
			for _, l := range r.group.lines {
				if strings.Contains(l.text, "chooser.") {
					t.Errorf("raw key %q", l.text)
				}
			}
		}
	}
}

func TestSplitKeys(t *testing.T) {
	for keys, want := range map[string][]string{"Ctrl+Shift+K": {"Ctrl", "Shift", "K"}, "Ctrl++": {"Ctrl", "+"}, "F1": {"F1"}} {
		if got := splitKeys(keys); !slices.Equal(got, want) {
			t.Errorf("%s: %q", keys, got)
		}
	}
}

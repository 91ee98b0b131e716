package settings

import (
	"cmp"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
	"kakoi/ui/widget"
)

// stage is the screen on a window of the test driver, as wide as it is beside the rail in a window of 1024.
func stage(t *testing.T, lang, mode string, percent int) (*Screen, *desk, *settings.File) {
	t.Helper()
	a := test.NewTempApp(t)
	fonts := theme.LoadFonts(cmp.Or(os.Getenv("KAKOI_FONTS"), filepath.Join("..", "..", "bin", "fonts"))) // set-up puts them there
	if fonts.Regular == nil {
		t.Fatal("no fonts: make setup puts them into bin/fonts")
	}
	a.Settings().SetTheme(theme.New(mode, percent, fonts))
	w := test.NewTempWindow(t, widget.NewEntry())
	w.SetPadded(false)
	d := &desk{lang: lang, window: w}
	m, file, _ := newModel(t, d)
	s := newScreen(d, m, someKeys, &app.Bus{})
	w.SetContent(s.Build())
	w.Resize(fyne.NewSize(1024-96, 700))
	s.Shown()
	s.Focus()
	return s, d, file
}

func TestLooks(t *testing.T) {
	s, _, _ := stage(t, "ja", theme.Light, 100)
	s.m.set("threads", "4")
	s.show(groupAnswers)
	s.m.set("top", "200")
	uitest.LooksLike(t, "settings-ja-light.png", s.shell.Window().Canvas().Capture())
	s, _, _ = stage(t, "en", theme.Dark, 150)
	s.show(groupLibrary)
	s.m.checkLibrary()
	uitest.LooksLike(t, "settings-en-dark-150.png", s.shell.Window().Canvas().Capture())
}

// Every group in every look has no raw key on it and nothing wider than its room.
func TestGroupsInEveryLook(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		for _, percent := range []int{100, 150} {
			s, d, _ := stage(t, lang, theme.Dark, percent)
			for _, g := range groups {
				s.show(g)
				if dir := os.Getenv("KAKOI_SHOTS"); dir != "" {
					shoot(t, d.window, filepath.Join(dir, "settings-"+g+"-"+lang+"-"+map[int]string{100: "100", 150: "150"}[percent]+".png"))
				}
				if n := d.errors; len(n) > 0 {
					t.Fatalf("%s: %v", g, n)
				}
				for _, b := range s.rail {
					if strings.Contains(b.Text, "settings.") {
						t.Errorf("raw key %s", b.Text)
					}
				}
				if least := s.sheet.MinSize().Width; least > s.sheet.Size().Width {
					t.Errorf("%s at %d%% needs %v of %v", g, percent, least, s.sheet.Size().Width)
				}
			}
		}
	}
}

// The wheel over a list that scrolls sideways moves the page, and not beyond its ends; sideways it moves the list alone.
func TestWheelOverListing(t *testing.T) {
	s, _, _ := stage(t, "en", theme.Light, 150)
	list := s.listing(strings.Repeat("wider than the page ", 40))
	s.sheet.SetContent(widget.NewColumn(0, list, s.listing(strings.Repeat("line\n", 200))))
	s.sheet.Fit()
	wheel := func(x, y float32) {
		fyne.Scrollable(list).Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(x, y)})
	}
	wheel(0, -30)
	if down, side := s.sheet.Scrolled(), list.Offset.X; down != 30 || side != 0 {
		t.Errorf("the page moved by %v, the list by %v", down, side)
	}
	wheel(-20, 0)
	if down, side := s.sheet.Scrolled(), list.Offset.X; down != 30 || side != 20 {
		t.Errorf("sideways: the page moved by %v, the list by %v", down, side)
	}
	wheel(0, 100)
	if at := s.sheet.Scrolled(); at != 0 {
		t.Errorf("beyond the top: %v", at)
	}
}

func shoot(t *testing.T, w fyne.Window, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(png.Encode(f, w.Canvas().Capture()), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// From the groups the keyboard goes into the one that is shown, and through its controls, each in sight.
func TestEverythingByKeyboard(t *testing.T) {
	s, d, file := stage(t, "en", theme.Light, 150)
	canvas := d.window.Canvas()
	s.rail[0].TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	if s.m.group != groupAnswers || canvas.Focused() != s.rail[1] {
		t.Fatalf("group %s, the keyboard is on %v", s.m.group, canvas.Focused())
	}
	s.rail[1].TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	for _, key := range fields[groupAnswers] {
		f, ok := canvas.Focused().(fyne.CanvasObject)
		if !ok || canvas.Focused() != s.last[key] {
			t.Fatalf("%s: the keyboard is on %v", key, canvas.Focused())
		}
		if at := fyne.CurrentApp().Driver().AbsolutePositionForObject(f); at.Y < 0 || at.Y+f.Size().Height > canvas.Size().Height {
			t.Errorf("%s has the keyboard at %v, out of sight", key, at)
		}
		if key == "top" {
			test.Type(canvas.Focused(), "7")
			canvas.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
			if file.Get().Top != 7 || s.m.problem("top") != "" {
				t.Errorf("top is %d", file.Get().Top)
			}
			canvas.FocusNext() // the way back to the default
		}
		canvas.FocusNext()
	}
}

// full is a store on a full disk.
type full struct{}

func (full) Configure(func(*settings.Settings)) error { return errors.New("no space left") }

// A good value that cannot be kept is the disk's fault, not the person's.
func TestSettingsThatCannotBeKept(t *testing.T) {
	s, d, _ := stage(t, "en", theme.Light, 100)
	s.m.store = full{}
	s.m.set("top", "7")
	if len(d.errors) != 1 || s.m.problem("top") != "" {
		t.Errorf("errors %v, and the field says %q", d.errors, s.m.problem("top"))
	}
}

// A field that is made anew shows what is kept, and says nothing of what was written before.
func TestWrongTextGoesWithItsField(t *testing.T) {
	s, _, _ := stage(t, "en", theme.Light, 100)
	s.show(groupAnswers)
	s.m.set("top", "1000")
	if s.m.problem("top") == "" {
		t.Fatal("1000 passages were taken")
	}
	s.show(groupEngine)
	s.show(groupAnswers)
	if got := s.m.problem("top"); got != "" {
		t.Errorf("the field shows the number that is kept, and says %q", got)
	}
}

// A change on another face of the program is shown.
func TestChangesElsewhereAreShown(t *testing.T) {
	s, _, file := stage(t, "en", theme.Light, 100)
	s.show(groupAnswers)
	if err := file.Update(func(set *settings.Settings) { set.Top, set.Preset = 9, "techlab" }); err != nil {
		t.Fatal(err)
	}
	s.bus.Tell(app.TopicSettings)
	if top := s.last["top"].(*widget.Entry).Text; top != "9" {
		t.Errorf("top shows %q", top)
	}
	if preset := s.last["preset"].(*widget.Choice).Selected; preset != "TECH Lab" {
		t.Errorf("preset shows %q", preset)
	}
}

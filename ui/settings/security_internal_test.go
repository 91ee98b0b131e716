package settings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// keep is a ui.Vault.
type keep struct {
	pass string // "": none
	code string
}

func (k *keep) Protected() bool        { return k.pass != "" }
func (k *keep) HasRecovery() bool      { return k.code != "" }
func (k *keep) Strength([]byte) string { return "fair" }

func (k *keep) Loses() (bool, int, error) { return true, 3, nil }

func (k *keep) right(pass []byte) error {
	defer clear(pass)
	if string(pass) != k.pass {
		return core.Explain(fmt.Errorf("open: %w", vault.ErrPassphrase), "error.vault.passphrase")
	}
	return nil
}

func (k *keep) Change(_ context.Context, old, pass []byte) error {
	if err := k.right(old); err != nil {
		return err
	}
	k.pass = string(pass)
	return nil
}

func (k *keep) AddRecovery(_ context.Context, pass []byte) (string, error) {
	if err := k.right(pass); err != nil {
		return "", err
	}
	k.code = "ABCD-EFGH"
	return k.code, nil
}

func (k *keep) RemoveRecovery(_ context.Context, pass []byte) error {
	if err := k.right(pass); err != nil {
		return err
	}
	k.code = ""
	return nil
}

// warded is a desk over a library that can be encrypted.
type warded struct {
	asking
	keep  *keep
	locks int
}

func (w *warded) Protect(pass []byte, then func(error)) {
	w.keep.pass = string(pass)
	then(nil)
}

func (w *warded) Unprotect(pass []byte, then func(error)) {
	err := w.keep.right(pass)
	if err == nil {
		w.keep.pass = ""
	}
	then(err)
}

func (w *warded) Lock()                         { w.locks++ }
func (w *warded) SecretKeys() widget.SecretKeys { return widget.SecretKeys{} }

func ward(t *testing.T, lang string, percent int) (*Screen, *warded) {
	t.Helper()
	s, d, _ := stage(t, lang, theme.Light, percent)
	w := &warded{asking: asking{desk: d}, keep: &keep{}}
	s.shell, s.m.host, s.m.vault = w, w, w.keep
	v := &archive{kept: true}
	s.m.keeper, s.m.past, s.m.mender = v, v, v
	return s, w
}

// fill types into the fields of the dialog that is open and presses Enter in the last.
func fill(t *testing.T, s *Screen, texts ...string) {
	t.Helper()
	canvas := s.shell.Window().Canvas()
	for i, text := range texts {
		f, ok := canvas.Focused().(*widget.Secret)
		if !ok {
			t.Fatalf("field %d: the keyboard is at %T", i, canvas.Focused())
		}
		test.Type(f, text)
		f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	}
}

func over(s *Screen) fyne.CanvasObject { return s.shell.Window().Canvas().Overlays().Top() }

func pressKey(t *testing.T, s *Screen, d *desk, key string) {
	t.Helper()
	b := buttonOf(s.sheet, d.Text(key))
	if b == nil {
		t.Fatalf("no button %q", d.Text(key))
	}
	b.OnTapped()
}

// A passphrase is set, changed and removed, a recovery code made and forgotten; wrong ones are told in the dialog, which stays.
func TestPassphrase(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		s, w := ward(t, lang, 150)
		shot := func(name string) {
			if dir := os.Getenv("KAKOI_SHOTS"); dir != "" {
				shoot(t, w.window, filepath.Join(dir, "security-"+name+"-"+lang+".png"))
			}
		}
		page := func(key string) {
			t.Helper()
			s.show(groupSecurity)
			pressKey(t, s, w.desk, key)
		}
		page("settings.security.set")
		fill(t, s, "four grey cats", "four grey dogs")
		shot("differ")
		if w.keep.pass != "" || over(s) == nil {
			t.Fatalf("two that differ are taken: %q", w.keep.pass)
		}
		press := s.shell.Window().Canvas().Focused()
		press.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
		if over(s) != nil {
			t.Fatal("Escape does not close the dialog")
		}
		page("settings.security.set")
		fill(t, s, "short", "short")
		if w.keep.pass != "" {
			t.Fatal("a short one is taken")
		}
		s.shell.Window().Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
		page("settings.security.set")
		fill(t, s, "four grey cats", "four grey cats")
		if w.keep.pass != "four grey cats" || over(s) != nil {
			t.Fatalf("set to %q", w.keep.pass)
		}

		page("settings.security.change")
		fill(t, s, "wrong", "five grey cats", "five grey cats")
		shot("wrong")
		if w.keep.pass != "four grey cats" || over(s) == nil {
			t.Fatalf("changed with a wrong one to %q", w.keep.pass)
		}
		fill(t, s, "four grey cats", "five grey cats", "five grey cats")
		if w.keep.pass != "five grey cats" || over(s) != nil {
			t.Fatalf("changed to %q", w.keep.pass)
		}

		page("settings.security.code")
		fill(t, s, "five grey cats")
		shot("code")
		if w.keep.code == "" || over(s) == nil {
			t.Fatal("no code is shown")
		}
		s.shell.Window().Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
		s.show(groupSecurity)
		shot("set")
		page("settings.security.uncode")
		fill(t, s, "five grey cats")
		if w.keep.code != "" {
			t.Error("the code still counts")
		}

		page("lock.now")
		if w.locks != 1 {
			t.Error("it does not lock")
		}
		page("settings.security.remove")
		fill(t, s, "five grey dogs")
		if w.keep.pass == "" || len(w.errors) != 1 {
			t.Errorf("removed with a wrong passphrase: %v", w.errors)
		}
		page("settings.security.remove")
		fill(t, s, "five grey cats")
		if w.keep.pass != "" {
			t.Error("not removed")
		}
		s.show(groupSecurity)
		shot("none")
		if least := s.sheet.MinSize().Width; least > s.sheet.Size().Width {
			t.Errorf("needs %v of %v", least, s.sheet.Size().Width)
		}
	}
}

// boxes is an app.Capsule and the part of an app.Library beside it.
type boxes struct {
	calls []string
	pass  string
	err   error
}

func (b *boxes) open(call string, pass []byte) error {
	b.calls = append(b.calls, call+" "+string(pass))
	if string(pass) != b.pass {
		return core.Explain(fmt.Errorf("open: %w", vault.ErrPassphrase), "error.capsule.passphrase")
	}
	return b.err
}

func (b *boxes) Export(_ context.Context, path string, opt app.CapsuleExport) (app.CapsuleSummary, error) {
	b.calls = append(b.calls, fmt.Sprint("export ", path, opt.Collections, string(opt.Passphrase), opt.Replace))
	return app.CapsuleSummary{File: path}, b.err
}

func (b *boxes) Plan(_ context.Context, path string, opt app.CapsuleImport) (app.CapsulePlan, error) {
	p := app.CapsulePlan{Adapters: 2, New: make([]app.CapsuleChange, 7)}
	for i := range mostNames + 2 {
		p.Both = append(p.Both, app.CapsuleChange{Collection: "規程", Name: fmt.Sprint(i, ".pdf"), As: fmt.Sprint(i, " (2).pdf")})
	}
	return p, b.open("plan "+path, opt.Passphrase)
}

func (b *boxes) Import(_ context.Context, path string, opt app.CapsuleImport) (app.CapsulePlan, error) {
	return app.CapsulePlan{New: make([]app.CapsuleChange, 7)}, b.open("import "+path, opt.Passphrase)
}

func (b *boxes) Look(_ context.Context, path string, pass []byte, _ func(job.State)) (app.CapsuleContent, error) {
	c := app.CapsuleContent{Collections: []app.CapsuleCollection{{Name: "規程"}, {Name: "another"}}, Documents: []app.CapsuleDocument{document("只見.pdf", "a")}}
	return c, b.open("look "+path, pass)
}

func document(name, sum string) app.CapsuleDocument {
	return app.CapsuleDocument{Collection: "規程", Entry: index.Entry{Document: core.Document{ID: name, Name: name, SHA256: sum}}}
}

func (b *boxes) Content(_ context.Context, names []string) (app.CapsuleContent, error) {
	b.calls = append(b.calls, fmt.Sprint("content ", names))
	return app.CapsuleContent{Documents: []app.CapsuleDocument{document("奥会津.pdf", "b")}}, nil
}

func (b *boxes) BuildGraphs(context.Context, func(job.State)) (int, error) {
	b.calls = append(b.calls, "graphs")
	return 1, nil
}

func (b *boxes) Status(context.Context) (app.Status, error) {
	return app.Status{Collections: []app.CollectionStatus{{Name: "規程"}, {Name: "会議"}}}, nil
}

// A capsule goes out with a passphrase typed twice, comes in after a question that says what would come, and is compared; a wrong passphrase
// is asked for again, and a person who drops a capsule gets the same.
func TestCapsules(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		s, w := ward(t, lang, 150)
		b := &boxes{pass: "four grey cats"}
		s.m.capsules, s.m.linker = b, b
		last := func() string { return b.calls[len(b.calls)-1] }
		page := func(key string) {
			t.Helper()
			s.show(groupBackups)
			pressKey(t, s, w.desk, key)
		}
		page("settings.capsule.export")
		fill(t, s, "four grey cats", "four grey cats")
		if want := "export /usb/" + capsuleName("", time.Now()) + "[]four grey catstrue"; last() != want {
			t.Errorf("exported %q, want %q", last(), want)
		}
		if !slices.Equal(s.m.collections, []string{"会議", "規程"}) {
			t.Errorf("collections %q", s.m.collections)
		}

		page("settings.capsule.import")
		fill(t, s, "wrong")
		if over(s) == nil || len(w.questions) != 0 {
			t.Fatal("a wrong passphrase is not asked for again")
		}
		fill(t, s, "four grey cats")
		if want := []string{"plan /usb/chosen wrong", "plan /usb/chosen four grey cats", "import /usb/chosen four grey cats", "graphs"}; !slices.Equal(b.calls[1:], want) {
			t.Errorf("calls %q, want %q", b.calls[1:], want)
		}
		if len(w.questions) != 1 || !strings.Contains(w.questions[0], "7.pdf") || strings.Contains(w.questions[0], "9.pdf") {
			t.Errorf("asked %q", w.questions)
		}
		if !s.m.keeping.well {
			t.Errorf("it came to %+v", s.m.keeping)
		}

		page("settings.capsule.compare")
		fill(t, s, "four grey cats")
		if over(s) == nil || last() != "content [規程]" {
			t.Errorf("compared: %q", b.calls)
		}
		if dir := os.Getenv("KAKOI_SHOTS"); dir != "" {
			shoot(t, w.window, filepath.Join(dir, "capsule-compared-"+lang+".png"))
		}
		s.shell.Window().Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})

		shown := false
		if !s.ShowCapsule("/usb/a.kakoi-capsule", func() { shown = true }) || !shown || s.m.group != groupBackups || over(s) == nil {
			t.Errorf("a dropped capsule: shown %v in group %s", shown, s.m.group)
		}
		s.shell.Window().Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
		if dir := os.Getenv("KAKOI_SHOTS"); dir != "" {
			shoot(t, w.window, filepath.Join(dir, "backups-"+lang+".png"))
		}
		b.err = core.Explain(errors.New("disk"), "error.backup.full")
		page("settings.capsule.export")
		fill(t, s, "four grey cats", "four grey cats")
		if s.m.keeping.well {
			t.Error("a full disk is told as well done")
		}
		if least := s.sheet.MinSize().Width; least > s.sheet.Size().Width {
			t.Errorf("needs %v of %v", least, s.sheet.Size().Width)
		}
	}
}

func TestCapsuleNames(t *testing.T) {
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	for collection, want := range map[string]string{"": "kakoi-2026-11-28.kakoi-capsule", "a/b:規程": "a-b-規程-2026-11-28.kakoi-capsule"} {
		if got := capsuleName(collection, now); got != want || !IsCapsule("/x/"+got) {
			t.Errorf("%q: %q, want %q", collection, got, want)
		}
	}
	if IsCapsule("/x/a.pdf") {
		t.Error("a PDF is a capsule")
	}
}

// The screen comes back with the group that was shown.
func TestGroupIsKept(t *testing.T) {
	s, _ := ward(t, "en", 100)
	s.show(groupSecurity)
	raw := s.State()
	other, _ := ward(t, "en", 100)
	other.SetState(raw)
	if other.m.group != groupSecurity {
		t.Errorf("group %s", other.m.group)
	}
	other.SetState([]byte(`{"group":"none"}`))
	if other.m.group != groupSecurity {
		t.Errorf("an unknown group leads to %s", other.m.group)
	}
}

package models

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/pack"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
	"kakoi/ui/widget"
)

// press is an app.Packs that does what the test says.
type press struct {
	plans   []app.PackPlan
	paths   []string // exported to
	exists  bool
	opened  [][]string // imported from
	fails   []error    // of the next imports
	secrets []string
	gone    []string
	info    app.PackInfo
}

func (p *press) Export(_ context.Context, plan app.PackPlan, path string, listen func(job.State)) (app.PackSummary, error) {
	if p.exists && !plan.Replace {
		return app.PackSummary{}, core.Explain(fs.ErrExist, "error.pack.exists", path)
	}
	listen(job.State{Update: core.Update{Stage: "copy", Done: 1, Total: 4}, Left: 90 * time.Second})
	p.plans, p.paths = append(p.plans, plan), append(p.paths, path)
	return app.PackSummary{Files: []string{path}, Bytes: 36_000_000}, nil
}

func (p *press) Import(_ context.Context, paths []string, opt app.PackImport) (app.PackResult, error) {
	p.opened = append(p.opened, paths)
	if opt.Passphrase != nil {
		typed, _ := opt.Passphrase()
		p.secrets = append(p.secrets, string(typed))
	}
	if len(p.fails) > 0 {
		err := p.fails[0]
		p.fails = p.fails[1:]
		if err != nil {
			if opt.Found != nil && p.info.ID != "" {
				opt.Found(p.info)
			}
			return app.PackResult{}, err
		}
	}
	opt.Found(p.info)
	opt.Listen(job.State{Update: core.Update{Stage: "copy", Done: 1, Total: 4}, Left: 80 * time.Second})
	return app.PackResult{PackInfo: p.info, Model: &app.Model{Name: "came"}}, nil
}

func (p *press) Discard(_ context.Context, id string) (int, error) {
	p.gone = append(p.gone, id)
	return 1, nil
}

// withPacks is the stage with packs that come and go.
func withPacks(t *testing.T, lang, mode string, percent int) (*Screen, *desk, *press, *drawer) {
	t.Helper()
	s, d, a := withAdapters(t, lang, mode, percent)
	p := &press{info: app.PackInfo{ID: "0123456789abcdef", Bytes: 7_600_000_000, Parts: 3, Items: []pack.Item{{Kind: pack.KindModel, Name: "rinna-4b"}, {Kind: pack.KindAdapter, Name: "規程"}}}}
	s.m.packs = p
	s.sheet = nil
	d.window.SetContent(s.Build())
	d.window.Resize(fyne.NewSize(1024-96, 700))
	return s, d, p, a
}

// aPack is a file that begins like one.
func aPack(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rinna-1-of-3"+pack.Ext)
	if err := os.WriteFile(path, []byte("kakoi pack\n and more"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func waiting() error {
	return core.Explain(&app.MissingParts{Numbers: []int{2}, Names: []string{"rinna-2-of-3" + pack.Ext}, Parts: 3, Dir: "/media/usb"}, "error.pack.missing", "", "")
}

func TestPackLooks(t *testing.T) {
	for _, look := range []struct {
		lang, mode string
		percent    int
		name       string
	}{{"ja", theme.Light, 100, "pack-ja-light.png"}, {"en", theme.Dark, 150, "pack-en-dark-150.png"}} {
		s, d, p, _ := withPacks(t, look.lang, look.mode, look.percent)
		p.fails = []error{waiting()}
		s.m.importPack([]string{"/media/usb/rinna-1-of-3" + pack.Ext})
		d.window.Canvas().Focus(s.packs[s.m.packings[0].id].part)
		uitest.LooksLike(t, look.name, d.window.Canvas().Capture())
	}
}

func TestExportOfPacks(t *testing.T) {
	s, d, p, _ := withPacks(t, "en", theme.Light, 100)
	d.picked = []string{"/media/usb/mine"}
	test.Tap(s.cards[settings.StarterModel].export)
	if d.proposed != "starter"+pack.Ext || len(p.plans) != 1 || p.plans[0].Model != "starter" || len(p.plans[0].Adapters) != 0 || p.paths[0] != "/media/usb/mine"+pack.Ext || len(d.toasts) != 1 {
		t.Fatalf("proposed %q, plans %+v, paths %v, toasts %v", d.proposed, p.plans, p.paths, d.toasts)
	}
	// What is there is replaced when that is wanted.
	p.exists = true
	test.Tap(s.cards[settings.StarterModel].export)
	if len(d.questions) != 1 || !d.questions[0].Danger || len(p.plans) != 1 {
		t.Fatalf("questions %+v, plans %+v", d.questions, p.plans)
	}
	d.questions[0].Then()
	if len(p.plans) != 2 || !p.plans[1].Replace {
		t.Errorf("plans %+v", p.plans)
	}
	p.exists = false
	// An adapter leaves the library: that is asked first.
	s.m.packAdapter("aaaa111122223333", d.PickSave)
	if len(d.questions) != 2 || len(p.plans) != 2 || !strings.Contains(d.questions[1].Text, "not encrypted") {
		t.Fatalf("questions %+v", d.questions)
	}
	d.questions[1].Then()
	if len(p.plans) != 3 || p.plans[2].Model != settings.StarterModel || len(p.plans[2].Adapters) != 1 || !strings.Contains(d.proposed, "規程") {
		t.Errorf("plans %+v, proposed %q", p.plans, d.proposed)
	}
}

func TestImportOfPacks(t *testing.T) {
	s, d, p, _ := withPacks(t, "en", theme.Light, 100)
	first := aPack(t)
	p.fails = []error{waiting(), core.Explain(core.ErrCorrupt, "error.pack.damaged", "x", 2, 3), nil}
	if !s.Drop([]string{first}) || len(s.m.packings) != 1 {
		t.Fatal("a dropped pack is not taken")
	}
	v := s.packs[s.m.packings[0].id]
	if v.part.Hidden || v.discard.Hidden || !v.stop.Hidden || v.use.Visible() || !strings.Contains(v.why.Text(), "rinna-2-of-3") {
		t.Errorf("waiting: %q", v.why.Text())
	}
	d.picked = []string{aPack(t)}
	test.Tap(v.part)
	if len(p.opened) != 2 || p.opened[1][0] != d.picked[0] || !strings.Contains(v.why.Text(), "part 2 of 3") || v.part.Hidden {
		t.Errorf("damaged: %q, opened %v", v.why.Text(), p.opened)
	}
	test.Tap(v.part)
	if v.use.Hidden || v.end.Hidden || v.part.Visible() || v.why.Visible() {
		t.Error("it has come, and cannot be used")
	}
	v.end.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if len(s.m.packings) != 0 {
		t.Error("it is still shown")
	}

	// Given up.
	p.fails = []error{waiting()}
	test.Tap(s.unpack)
	test.Tap(s.packs[s.m.packings[0].id].discard)
	if len(d.questions) != 1 || len(p.gone) != 0 {
		t.Fatalf("questions %+v", d.questions)
	}
	d.questions[0].Then()
	if len(p.gone) != 1 || p.gone[0] != p.info.ID || len(s.m.packings) != 0 {
		t.Errorf("gone %v", p.gone)
	}

	// With a passphrase.
	p.fails = []error{core.Explain(core.ErrEncrypted, "error.pack.sealed", "x")}
	test.Tap(s.unpack)
	v = s.packs[s.m.packings[0].id]
	if v.open.Hidden || v.again.Visible() || v.discard.Visible() {
		t.Error("no passphrase is asked for")
	}
	test.Tap(v.open)
	secret, ok := d.window.Canvas().Focused().(*widget.Secret)
	if !ok {
		t.Fatalf("the keyboard is on %T", d.window.Canvas().Focused())
	}
	secret.SetText("蓋")
	secret.OnSubmitted("")
	if fmt.Sprint(p.secrets) != "[蓋]" || v.use.Hidden {
		t.Errorf("typed %v", p.secrets)
	}
	// Something that is none: the error says so.
	p.fails = []error{core.Explain(core.ErrUnsupported, "error.pack.foreign", "notes.txt")}
	d.picked = []string{"/home/hana/notes.txt"}
	test.Tap(s.unpack)
	if last := s.m.packings[len(s.m.packings)-1]; !strings.Contains(s.packs[last.id].why.Text(), "notes.txt") {
		t.Error("it does not say what is wrong")
	}
}

package settings

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// archive is an app.Backup, an app.Keep and the repairing part of an app.Doctor.
type archive struct {
	calls   []string
	err     error
	kept    bool
	waiting bool
	plan    app.RepairPlan
}

func (v *archive) note(call string) error {
	v.calls = append(v.calls, call)
	return v.err
}

func (v *archive) Save(_ context.Context, path string, _ bool, listen func(job.State)) (app.BackupSummary, error) {
	listen(job.State{Update: core.Update{Stage: "backup", Done: 1, Total: 2}})
	return app.BackupSummary{File: path, BackupCount: app.BackupCount{Documents: 7}}, v.note("save " + path)
}

func (v *archive) Look(_ context.Context, path string, p core.Progress) (app.BackupSummary, error) {
	p.Report(core.Update{Stage: "look", Done: 1, Total: 2})
	return app.BackupSummary{Made: time.Now(), BackupCount: app.BackupCount{Documents: 7}}, v.note("look " + path)
}

func (v *archive) Stage(_ context.Context, path string, _ func(job.State)) (app.BackupSummary, error) {
	return app.BackupSummary{}, v.note("stage " + path)
}
func (v *archive) Undoable() (app.Swap, bool, error) { return app.Swap{When: time.Now()}, v.kept, nil }
func (v *archive) Waiting() (app.Swap, bool, error)  { return app.Swap{}, v.waiting, nil }
func (v *archive) Undo() error                       { return v.note("undo") }
func (v *archive) Forget() error                     { return v.note("forget") }
func (v *archive) AskRepair() error                  { return v.note("ask for a repair") }

func (v *archive) PlanRepair(context.Context, func(job.State)) (app.RepairPlan, error) {
	return v.plan, v.note("plan")
}

func (v *archive) Repair(context.Context, app.AddOptions) (app.Repaired, error) {
	return app.Repaired{RepairPlan: v.plan, Read: app.Summary{Updated: 1}}, v.note("repair")
}

func TestBackupModel(t *testing.T) {
	d, v := &desk{lang: "en"}, &archive{kept: true}
	m := &model{host: d, doctor: &nurse{}, keeper: v, past: v, mender: v, changed: func() {}}
	last := func() string { return v.calls[len(v.calls)-1] }

	m.saveBackup("/usb/k")
	if last() != "save /usb/k" || !m.keeping.well || !strings.Contains(m.keeping.said, "7 documents") {
		t.Errorf("saved: %v, %+v", v.calls, m.keeping)
	}
	m.keeping = keeping{running: &checking{state: job.State{Behind: job.Name{Key: "job.add", Note: "share"}}}}
	if said := m.keepingSays(); said != "waits for: Adding share" {
		t.Errorf("beside an add it says %q", said)
	}
	m.keeping = keeping{}
	asked, restarted := "", 0
	m.look("/usb/k", nil, func(text string) { asked = text }, func(string) { t.Error("a passphrase is wanted") })
	if last() != "look /usb/k" || !strings.Contains(asked, "7 documents") || !strings.Contains(asked, "undo it") {
		t.Errorf("looked: %v, asked %q", v.calls, asked)
	}
	m.restore("/usb/k", nil, func() { restarted++ })
	if last() != "stage /usb/k" || restarted != 1 {
		t.Errorf("restored: %v, %d restarts", v.calls, restarted)
	}
	m.undo(func() { restarted++ })
	if last() != "undo" || restarted != 2 {
		t.Errorf("undone: %v", v.calls)
	}
	if m.keeps() == "" {
		t.Error("what is kept is not said")
	}
	if m.forget(); last() != "forget" {
		t.Errorf("forgotten: %v", v.calls)
	}

	v.plan = app.RepairPlan{Documents: []app.Ailing{{Name: "rules.pdf", Source: filepath.Join("/d", "rules.pdf"), From: app.FromFile}}}
	files := true
	m.planRepair(func(text string, f bool) { asked, files = text, f })
	if last() != "plan" || files || !strings.Contains(asked, "rules.pdf") {
		t.Errorf("planned: %v, asked %q", v.calls, asked)
	}
	if m.repair(); last() != "repair" || !strings.Contains(m.keeping.said, "1 of 1") {
		t.Errorf("repaired: %v, %+v", v.calls, m.keeping)
	}
	if m.repairFiles(func() { restarted++ }); last() != "ask for a repair" || restarted != 3 {
		t.Errorf("files: %v", v.calls)
	}
	asked, v.plan = "", app.RepairPlan{}
	if m.planRepair(func(text string, _ bool) { asked = text }); asked != "" || !strings.Contains(m.keeping.said, "nothing to repair") {
		t.Errorf("nothing to repair: asked %q, said %q", asked, m.keeping.said)
	}

	v.err = core.Explain(errors.New("disk"), "error.backup.full")
	m.restore("/usb/k", nil, func() { restarted++ })
	if restarted != 3 || m.keeping.well || !strings.Contains(m.keeping.said, "disk became full") {
		t.Errorf("failed: %d restarts, %+v", restarted, m.keeping)
	}
	v.err = context.Canceled
	if m.saveBackup("/usb/k"); m.keeping.running != nil || !strings.Contains(m.keeping.said, "Nothing was changed") {
		t.Errorf("stopped: %+v", m.keeping)
	}
}

// asking is a desk that can ask; every question is answered with yes.
type asking struct {
	*desk
	questions []string
	restarts  int
}

func (d *asking) Confirm(q widget.Question) {
	d.questions = append(d.questions, q.Title+" "+q.Text)
	q.Then()
}
func (d *asking) PickFiles(then func([]string))           { then([]string{"/usb/chosen"}) }
func (d *asking) PickSave(name string, then func(string)) { then("/usb/" + name) }
func (d *asking) PickFolder(then func([]string))          { then([]string{"/usb"}) }
func (d *asking) Restart()                                { d.restarts++ }

// TestBackupGroup presses the buttons: nothing is replaced without a question, and what is shown fits.
func TestBackupGroup(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		s, d, _ := stage(t, lang, theme.Light, 150)
		a, v := &asking{desk: d}, &archive{kept: true}
		s.shell, s.m.host = a, a
		s.m.keeper, s.m.past, s.m.mender = v, v, v
		group := groupBackups
		press := func(key string) {
			t.Helper()
			s.show(group)
			b := buttonOf(s.sheet, d.Text(key))
			if b == nil {
				t.Fatalf("no button %q", d.Text(key))
			}
			b.OnTapped()
		}
		for _, c := range []struct {
			key, call string
			questions int
		}{
			{"settings.backup.save", "save /usb/" + backupName(time.Now()), 0},
			{"settings.backup.restore", "stage /usb/chosen", 2},
			{"settings.backup.undo", "undo", 2},
			{"settings.backup.forget", "forget", 1},
		} {
			a.questions = nil
			press(c.key)
			if last := v.calls[len(v.calls)-1]; last != c.call || len(a.questions) != c.questions {
				t.Errorf("%s did %q after the questions %q", c.key, v.calls, a.questions)
			}
		}
		v.plan, group = app.RepairPlan{Files: true}, groupLibrary
		if press("settings.repair.start"); v.calls[len(v.calls)-1] != "ask for a repair" || a.restarts != 3 {
			t.Errorf("repair of files did %q, %d restarts", v.calls, a.restarts)
		}
		v.plan = app.RepairPlan{Nameless: 1}
		if press("settings.repair.start"); v.calls[len(v.calls)-1] != "repair" {
			t.Errorf("repair did %q", v.calls)
		}
		if least := s.sheet.MinSize().Width; least > s.sheet.Size().Width {
			t.Errorf("needs %v of %v", least, s.sheet.Size().Width)
		}
		if dir := os.Getenv("KAKOI_SHOTS"); dir != "" {
			shoot(t, d.window, filepath.Join(dir, "backup-"+lang+".png"))
		}
	}
}

// buttonOf finds a button by its text.
func buttonOf(o fyne.CanvasObject, text string) *widget.Button {
	var found *widget.Button
	var walk func(fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *widget.Button:
			if o.Text == text && !o.Hidden {
				found = o
			}
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c)
			}
		}
	}
	walk(o)
	return found
}

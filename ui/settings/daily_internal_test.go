package settings

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
)

// shelfOfDays is an app.Backups.
type shelfOfDays struct {
	kept  []app.KeptBackup
	calls []string
	err   error
}

func (k *shelfOfDays) Status(context.Context) (app.BackupsStatus, error) {
	return app.BackupsStatus{Daily: true, Keep: 3, Folder: "/usb/backups", Inside: true, Next: time.Date(2026, 11, 29, 2, 0, 0, 0, time.Local), Kept: k.kept}, k.err
}

func (k *shelfOfDays) Make(_ context.Context, listen func(job.State)) (app.KeptBackup, error) {
	listen(job.State{Update: core.Update{Stage: "backup", Done: 1, Total: 2}})
	made := app.KeptBackup{File: "/usb/backups/new", Made: time.Date(2026, 11, 28, 9, 0, 0, 0, time.Local), Bytes: 12_000_000, Documents: 42, Proved: time.Now()}
	k.calls = append(k.calls, "make")
	k.kept = append([]app.KeptBackup{made}, k.kept...)
	return made, k.err
}

func (k *shelfOfDays) Delete(_ context.Context, path string) error {
	k.calls = append(k.calls, "delete "+path)
	k.kept = slices.DeleteFunc(slices.Clone(k.kept), func(one app.KeptBackup) bool { return one.File == path })
	return k.err
}

func (k *shelfOfDays) Prove(_ context.Context, path string, _ func(job.State)) (app.KeptBackup, error) {
	k.calls = append(k.calls, "prove "+path)
	return app.KeptBackup{File: path, Problem: "3 documents are not in it"}, k.err
}

// Daily backups are listed with what is known of them, made at once, proved and restored from the list; one that is of no use is told so.
func TestDailyBackups(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		s, w := ward(t, lang, 150)
		k := &shelfOfDays{kept: []app.KeptBackup{
			{File: "/usb/backups/old", Made: time.Date(2026, 11, 27, 9, 0, 0, 0, time.Local), Bytes: 11_000_000},
			{File: "/usb/backups/older", Made: time.Date(2026, 11, 26, 9, 0, 0, 0, time.Local), Bytes: 10_000_000, Problem: "cut off"},
		}}
		s.m.daily = k
		s.show(groupBackups)
		pressKey(t, s, w.desk, "settings.daily.now")
		if s.m.keeping.running != nil || !s.m.keeping.well || len(s.m.kept.Kept) != 3 {
			t.Fatalf("made: %+v, %d kept", s.m.keeping, len(s.m.kept.Kept))
		}
		if line, well := s.m.keptLine(s.m.kept.Kept[0]); !well || !strings.Contains(line, "12") || !strings.Contains(line, "42") {
			t.Errorf("the new one is told as %q", line)
		}
		if _, well := s.m.keptLine(s.m.kept.Kept[2]); well {
			t.Error("a broken one is told as well")
		}
		last := buttonOf(s.sheet, w.Text("settings.daily.prove")) // the last of them
		last.OnTapped()
		if got := k.calls[len(k.calls)-1]; got != "prove /usb/backups/older" || s.m.keeping.well || !strings.Contains(s.m.keeping.said, "3 documents") {
			t.Errorf("%s came to %+v", got, s.m.keeping)
		}
		before := len(w.questions)
		buttonOf(s.sheet, w.Text("settings.daily.delete")).OnTapped() // the last of them; the question is answered with yes
		if len(w.questions) != before+1 || !strings.Contains(w.questions[before], "/usb/backups/older") {
			t.Fatalf("a backup is deleted without being asked for: %v", w.questions)
		}
		if got := k.calls[len(k.calls)-1]; got != "delete /usb/backups/older" || len(s.m.kept.Kept) != 2 || !s.m.keeping.well {
			t.Errorf("%s came to %+v, %d kept", got, s.m.keeping, len(s.m.kept.Kept))
		}
		if dir := os.Getenv("KAKOI_SHOTS"); dir != "" {
			w.window.Resize(fyne.NewSize(1024-96, 1500))
			shoot(t, w.window, filepath.Join(dir, "daily-"+lang+".png"))
		}
		k.err = core.Explain(errors.New("disk"), "error.backup.full")
		s.m.listKept()
		if text, well := s.m.dailySays(); well || text == "" {
			t.Errorf("a folder that cannot be read is told as %q", text)
		}
		if least := s.sheet.MinSize().Width; least > s.sheet.Size().Width {
			t.Errorf("needs %v of %v", least, s.sheet.Size().Width)
		}
	}
}

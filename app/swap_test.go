package app_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kakoi/app"
	"kakoi/core"
)

// tree writes files, and contents reads them back, as "name=text".
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func contents(t *testing.T, dir string, names ...string) string {
	t.Helper()
	out := ""
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		out += fmt.Sprintf("%s=%s ", name, text)
	}
	return out
}

// snapshot copies a folder as it is now.
func snapshot(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestSwapIsWholeOrNot stops an exchange before each of its steps: the next opening always ends it, with what was there kept, an item that was not
// there before and one that is not in the new included.
func TestSwapIsWholeOrNot(t *testing.T) {
	names := []string{"library/MANIFEST", "adapters/a1/w", "prompts/ja.tmpl", "settings.json"}
	const before, after = "library/MANIFEST=old adapters/a1/w=old prompts/ja.tmpl= settings.json=old ", "library/MANIFEST=new adapters/a1/w= prompts/ja.tmpl=new settings.json=new "
	data := t.TempDir()
	tree(t, data, map[string]string{names[0]: "old", names[1]: "old", names[3]: "old"})
	k := app.Keep{Data: data}
	dir, err := k.Stage()
	if err != nil {
		t.Fatal(err)
	}
	tree(t, dir, map[string]string{names[0]: "new", names[2]: "new", names[3]: "new"})
	half := snapshot(t, data)
	if _, did, err := (app.Keep{Data: half}).Finish(); did || err != nil || contents(t, half, names...) != before {
		t.Fatalf("what was half staged came in: %v, %v, %s", did, err, contents(t, half, names...))
	}
	if _, err := os.Stat(filepath.Join(half, "incoming")); !os.IsNotExist(err) {
		t.Error("what was half staged is still there")
	}
	if err := k.Commit(app.Swap{Kind: app.SwapRestore, Items: []string{"library", "adapters", "prompts", "settings.json"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Stage(); !errors.Is(err, core.ErrBusy) {
		t.Errorf("staging beside one that waits: %v", err)
	}
	stops := 0
	for n := 1; ; n++ {
		at := snapshot(t, data)
		one := app.Keep{Data: at}
		done := app.StopSwapAt(n, func() { _, _, _ = one.Finish() })
		if !done {
			stops++
		}
		at = snapshot(t, at) // what a new process finds
		one = app.Keep{Data: at}
		if _, _, err := one.Finish(); err != nil {
			t.Fatalf("stopped at step %d: %v", n, err)
		}
		if got := contents(t, at, names...); got != after {
			t.Fatalf("stopped at step %d: %s", n, got)
		}
		if s, there, err := one.Undoable(); err != nil || !there || s.Kind != app.SwapRestore {
			t.Fatalf("stopped at step %d: kept %+v, %v, %v", n, s, there, err)
		}
		if err := one.Undo(); err != nil {
			t.Fatal(err)
		}
		if s, did, err := one.Finish(); err != nil || !did || s.Kind != app.SwapUndo || contents(t, at, names...) != before {
			t.Fatalf("undone after a stop at step %d: %+v, %v, %v, %s", n, s, did, err, contents(t, at, names...))
		}
		if err := errors.Join(one.Undo(), func() error { _, _, err := one.Finish(); return err }()); err != nil || contents(t, at, names...) != after {
			t.Fatalf("undone twice: %v, %s", err, contents(t, at, names...))
		}
		if err := one.Forget(); err != nil {
			t.Fatal(err)
		}
		if err := one.Undo(); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("undo of what was forgotten: %v", err)
		}
		if done {
			break
		}
	}
	if stops < 12 {
		t.Errorf("only %d stops", stops)
	}
}

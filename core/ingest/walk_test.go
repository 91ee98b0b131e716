package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"kakoi/core"
	"kakoi/core/ingest"
)

func touch(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "b.txt", "a.PDF", "sub/c.md", "sub/d.docx", "sub/~$d.docx", "sub/.~lock.d.docx#", ".hidden.txt", ".git/x.txt", "z.xlsb", "Makefile", "other/e.html")
	for link, target := range map[string]string{
		"sub/loop":      dir,
		"sub/again.txt": filepath.Join(dir, "b.txt"),
		"dangling.txt":  filepath.Join(dir, "none"),
		"self.txt":      filepath.Join(dir, "self.txt"),
		"zz":            filepath.Join(dir, "other"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	var skipped []string
	rel := func(path string) string {
		out, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	loops := map[string]error{}
	opt := ingest.Options{
		OnSkip: func(path string) { skipped = append(skipped, rel(path)) },
		OnLoop: func(path string, err error) { loops[rel(path)] = err },
	}
	// The folder, the same folder again, and a file in it: each file once.
	files, problems, err := ingest.Walk(context.Background(), []string{dir, filepath.Join(dir, "sub"), filepath.Join(dir, "b.txt")}, opt)
	if err != nil || len(problems) != 0 {
		t.Fatalf("%v %v", problems, err)
	}
	var got []string
	for _, f := range files {
		got = append(got, rel(f.Path)+" "+f.Kind)
		if f.ModTime.IsZero() || f.Size == 0 {
			t.Errorf("%+v", f)
		}
	}
	want := []string{"a.PDF pdf", "b.txt txt", "other/e.html html", "sub/c.md md", "sub/d.docx docx"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if want := []string{"Makefile", "pipe.txt", "z.xlsb"}; !reflect.DeepEqual(skipped, want) {
		t.Errorf("skipped %q, want %q", skipped, want)
	}
	// sub/again.txt and zz lead to what was seen elsewhere: no loops.
	for _, name := range []string{"sub/loop", "self.txt"} {
		var user *core.UserError
		if !errors.As(loops[name], &user) || user.Key != "error.file.loop" {
			t.Errorf("loop %s: %v", name, loops[name])
		}
	}
	if len(loops) != 2 {
		t.Errorf("loops %v", loops)
	}
}

func TestWalkNamed(t *testing.T) {
	dir := t.TempDir()
	touch(t, dir, "a.txt", "b.xlsb", ".hidden.txt")
	if err := os.Symlink("self.txt", filepath.Join(dir, "self.txt")); err != nil {
		t.Fatal(err)
	}
	files, problems, err := ingest.Walk(context.Background(), []string{
		filepath.Join(dir, "b.xlsb"), filepath.Join(dir, "none.txt"), filepath.Join(dir, "self.txt"), "/dev/zero",
		filepath.Join(dir, ".hidden.txt"), filepath.Join(dir, "a.txt"),
	}, ingest.Options{})
	if err != nil || len(files) != 2 || filepath.Base(files[0].Path) != ".hidden.txt" || filepath.Base(files[1].Path) != "a.txt" {
		t.Fatalf("%v %v", files, err)
	}
	want := []struct {
		is  error
		key string
	}{{core.ErrUnsupported, "kind"}, {core.ErrNotFound, "missing"}, {core.ErrNotFound, "loop"}, {core.ErrUnsupported, "special"}}
	if len(problems) != len(want) {
		t.Fatalf("%v", problems)
	}
	for i, w := range want {
		var user *core.UserError
		if !errors.Is(problems[i].Err, w.is) || !errors.As(problems[i].Err, &user) || user.Key != "error.file."+w.key {
			t.Errorf("%s: %v, want %s", problems[i].Path, problems[i].Err, w.key)
		}
	}
}

func TestWalkMany(t *testing.T) {
	dir := t.TempDir()
	for i := range 3000 {
		touch(t, dir, fmt.Sprintf("%02d/%04d.txt", i%60, i))
	}
	files, problems, err := ingest.Walk(context.Background(), []string{dir}, ingest.Options{})
	if err != nil || len(problems) != 0 || len(files) != 3000 {
		t.Fatalf("%d files, %v %v", len(files), problems, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := ingest.Walk(ctx, []string{dir}, ingest.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

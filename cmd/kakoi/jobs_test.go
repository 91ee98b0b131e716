package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clone is a copy of a world's data folder, without the empty space in the store's logs.
func (w *world) clone() *world {
	w.t.Helper()
	to := *w
	to.data = filepath.Join(w.t.TempDir(), "data")
	err := filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(w.data, path)
		if err != nil {
			return err
		}
		into := filepath.Join(to.data, rel)
		if d.IsDir() {
			return os.MkdirAll(into, 0o700)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(into, []byte(strings.TrimRight(string(data), "\x00")), 0o600)
		}
		return errors.Join(err, os.Truncate(into, info.Size()))
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return &to
}

// TestKilledJobs kills every kind of long work that has no test of its own (TestKilledAtRandomMoments adds, TestKill and TestGraphKill of package index make
// vectors and graphs, train_test.go trains) at random moments and does it again: documents and answers are those of one that was not disturbed.
func TestKilledJobs(t *testing.T) {
	base := newWorld(t)
	base.stock(6)
	if err := os.CopyFS(filepath.Join(base.home, "models", "another-embedder"), os.DirFS(filepath.Join(base.home, "models", "multilingual-e5-small"))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup")
	jobs := map[string]struct {
		prepare func(w *world)
		args    []string
	}{
		"vectors of another embedder": {func(*world) {}, []string{"model", "use", "--yes", "another-embedder"}},
		"check of a folder": {func(w *world) {
			w.want(0, "folder", "link", w.docs)
			w.file("part01.txt", sentences("an edited one", 40))
			w.file("sub/new.txt", sentences("a new one", 40))
			for i := range 30 {
				w.file(fmt.Sprintf("sub/more%d.txt", i), sentences(fmt.Sprint("topic ", i), 6))
			}
		}, []string{"folder", "check"}},
		"backup": {func(*world) {}, []string{"backup", "--yes", file}},
		"restore": {func(w *world) {
			w.want(0, "backup", "--yes", file)
			w.want(0, "remove", "--yes", "part02.txt")
			w.want(0, "remove", "--yes", "part04.txt")
		}, []string{"restore", "--yes", file}},
		"repair": {func(w *world) { w.flip(rand.New(rand.NewPCG(5, 21)), 1) }, []string{"doctor", "--repair", "--yes"}},
	}
	for name, job := range jobs {
		t.Run(name, func(t *testing.T) {
			w := *base
			w.t = t
			one := w.clone()
			job.prepare(one)
			undisturbed := one.clone()
			undisturbed.want(0, job.args...)
			want, docs := undisturbed.answers(6), undisturbed.documents()
			r := rand.New(rand.NewPCG(uint64(len(name)), uint64(time.Now().UnixNano())))
			killed := one.clone()
			for range 3 {
				cmd, wait := killed.slow("5ms").start(job.args...)
				time.Sleep(time.Duration(5+r.IntN(150)) * time.Millisecond)
				if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
				wait()
			}
			killed.want(0, job.args...)
			killed.want(0, "add", "--resume") // where the choice was made and its vectors were not
			if got := killed.documents(); got != docs {
				t.Errorf("documents are\n%s\nnot\n%s", got, docs)
			}
			if got := killed.answers(6); got != want {
				t.Errorf("it answers\n%s\nnot\n%s", got, want)
			}
			if problems := killed.verify(); len(problems) != 0 {
				t.Errorf("the library has problems: %v", problems)
			}
			if left, _ := filepath.Glob(filepath.Join(killed.data, "incoming*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if name == "backup" {
				killed.want(0, "restore", "--check", file)
			}
		})
	}
}

package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/index/store"
	"kakoi/index/store/storetest"
)

// fill writes values of all sizes in several rounds, so that there are tables, a log (left by a process that did not close), overwritten and deleted keys.
func fill(t *testing.T, s *store.Store, seed uint64) map[string][]byte {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	all := map[string][]byte{}
	for round := range 3 {
		for i := range 150 {
			key := store.Key{Kind: store.KindRecord, Collection: fmt.Sprint("kind", i%7), Document: fmt.Sprint("record", i)}.String()
			value := []byte(strings.Repeat(fmt.Sprintf("%d %d 本文 ", round, i), r.IntN(400)))
			if r.IntN(4) == 0 {
				value = make([]byte, r.IntN(200_000))
				for j := range value {
					value[j] = byte(r.Uint32())
				}
			}
			err := s.Write(func(w *store.Writer) error {
				if round > 0 && r.IntN(5) == 0 {
					delete(all, key)
					return w.Delete(key)
				}
				all[key] = value
				return w.Put(key, value)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

func all(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	s, err := store.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return read(t, s)
}

func same(t *testing.T, what string, got, want map[string][]byte) {
	t.Helper()
	for key := range want {
		if !bytes.Equal(got[key], want[key]) {
			t.Fatalf("%s: %s has %d bytes, not the %d that were written", what, key, len(got[key]), len(want[key]))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d keys, not %d", what, len(got), len(want))
	}
}

// TestSalvageOfASoundFolder: what is read without Badger is what Badger reads, from tables and from the logs of a process that did not close.
func TestSalvageOfASoundFolder(t *testing.T) {
	for _, closed := range []bool{true, false} {
		dir := t.TempDir()
		s, err := store.Open(filepath.Join(dir, "open"), options)
		if err != nil {
			t.Fatal(err)
		}
		want := fill(t, s, 1)
		if closed {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			if _, err := store.Inspect(t.Context(), filepath.Join(dir, "open"), options, nil); !errors.Is(err, core.ErrBusy) {
				t.Errorf("inspecting an open library: %v", err)
			}
			defer s.Close()
		}
		storetest.Copy(t, filepath.Join(dir, "open"), filepath.Join(dir, "left"))
		logs, _ := filepath.Glob(filepath.Join(dir, "left", "*.mem"))
		if closed != (len(logs) == 0) {
			t.Fatalf("closed %v, logs %v: the full look depends on it", closed, logs)
		}
		if d, err := store.Inspect(t.Context(), filepath.Join(dir, "left"), options, nil); err != nil || d.Any() {
			t.Fatalf("closed %v: damage %v, %v", closed, d, err)
		}
		out, err := store.Salvage(t.Context(), filepath.Join(dir, "left"), filepath.Join(dir, "new"), options, nil)
		if err != nil || out.Any() || len(out.Bad) > 0 {
			t.Fatalf("closed %v: %+v, %v", closed, out, err)
		}
		same(t, fmt.Sprint("closed ", closed), all(t, filepath.Join(dir, "new")), want)
		same(t, "opened as it was", all(t, filepath.Join(dir, "left")), want)
	}
}

// TestFlippedFiles flips bytes in any file of a library, closed in order or not. Nothing ends the process, what comes back was written at some time,
// and what does not come back lies between the keys around a reported hole.
func TestFlippedFiles(t *testing.T) {
	rounds := 16
	if testing.Short() {
		rounds = 6
	}
	if options.Key != nil {
		rounds = 3
	}
	for _, closed := range []bool{true, false} {
		sound := filepath.Join(t.TempDir(), "sound")
		s, err := store.Open(sound, options)
		if err != nil {
			t.Fatal(err)
		}
		want := fill(t, s, 2)
		if closed {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			defer s.Close()
			left := filepath.Join(t.TempDir(), "left")
			storetest.Copy(t, sound, left)
			sound = left
		}
		names, refused, lost := map[string]int{}, 0, 0
		for seed := range uint64(rounds) {
			r := rand.New(rand.NewPCG(seed, 3))
			dir := filepath.Join(t.TempDir(), "library")
			storetest.Copy(t, sound, dir)
			name := flip(t, r, dir)
			names[filepath.Ext(name)+name[:min(3, len(name))]]++
			what := fmt.Sprintf("closed %v, seed %d, %s", closed, seed, name)

			found, err := store.Inspect(t.Context(), dir, options, nil)
			if err != nil {
				t.Fatalf("%s: inspect: %v", what, err)
			}
			into := dir + ".new"
			out, err := store.Salvage(t.Context(), dir, into, options, nil)
			if err != nil || len(out.Holes) != len(found.Holes) || len(out.Bad) > 0 {
				t.Fatalf("%s: salvage: %+v, %v", what, out, err)
			}
			got := all(t, into)
			for key, value := range want {
				if bytes.Equal(got[key], value) {
					continue
				}
				lost++
				if !inHole(found.Holes, key) {
					t.Errorf("%s: %s is gone or old, and lies in none of %+v", what, key, found.Holes)
				}
			}
			s, err := store.Open(dir, options) // itself: in order, or refused
			if err != nil {
				refused++
				if !errors.Is(err, core.ErrCorrupt) || !found.Any() {
					t.Errorf("%s: open: %v, damage %v", what, err, found)
				}
				continue
			}
			if !found.Any() {
				same(t, what, read(t, s), want)
			}
			for i := range 20 { // it goes on: nothing is rewritten as far as it can be read
				if err := s.Write(func(w *store.Writer) error { return w.Put(fmt.Sprintf("r/kind0/new%d/", i), []byte("new")) }); err != nil {
					t.Errorf("%s: write: %v", what, err)
				}
			}
			if err := s.Erase("r/kind3/"); err != nil && !(errors.Is(err, core.ErrCorrupt) && found.Any()) {
				t.Errorf("%s: erase: %v", what, err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("%s: close: %v", what, err)
			}
			if again, err := store.Salvage(t.Context(), dir, dir+".again", options, nil); err == nil {
				after := all(t, dir+".again")
				for key, value := range got {
					if !strings.HasPrefix(key, "r/kind3/") && !bytes.Equal(after[key], value) {
						t.Errorf("%s: %s was lost by writing on; holes %+v", what, key, again.Holes)
					}
				}
			} else if !errors.Is(err, core.ErrBusy) { // left as it is: until this process ends
				t.Errorf("%s: salvage after writing on: %v", what, err)
			}
		}
		if options.Key == nil && (refused == 0 || lost == 0 || len(names) < 3) || refused+lost == 0 {
			t.Errorf("closed %v: %d refused, %d values lost, files hit %v: the flips prove nothing", closed, refused, lost, names)
		}
		t.Logf("closed %v: %d of %d refused by Open, %d values lost; files %v", closed, refused, rounds, lost, names)
	}
}

// flip changes one to four bytes of a file where it is not empty space, and says of which.
func flip(t *testing.T, r *rand.Rand, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for {
		f := files[r.IntN(len(files))]
		if ext := filepath.Ext(f.Name()); ext != ".sst" && ext != ".mem" && r.IntN(3) > 0 {
			continue
		}
		path := filepath.Join(dir, f.Name())
		data, size := storetest.Content(t, path)
		if len(data) == 0 || f.Name() == "DISCARD" {
			continue
		}
		for range 1 + r.IntN(4) {
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		return f.Name()
	}
}

func inHole(holes []store.Hole, key string) bool {
	for _, h := range holes {
		if strings.HasSuffix(h.File, ".mem") || key >= h.After && (h.Before == "" || key <= h.Before) {
			return true
		}
	}
	return false
}

func read(t *testing.T, s *store.Store) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := s.View(func(r *store.Reader) error {
		return r.Each("r/", "", func(key string, payload []byte) error {
			out[key] = bytes.Clone(payload)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSpoiltListOfTables: with any bit of the list of tables flipped, or the list cut anywhere, a library is damaged or holds all it held: the tables that the
// list does not name any more would be deleted.
func TestSpoiltListOfTables(t *testing.T) {
	sound := filepath.Join(t.TempDir(), "sound")
	for round := range 4 {
		s, err := store.Open(sound, options)
		if err == nil {
			err = s.Write(func(w *store.Writer) error { return w.Put(fmt.Sprintf("r/round/%d/", round), []byte("kept")) })
		}
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "library")
	storetest.Copy(t, sound, dir)
	path := filepath.Join(dir, "MANIFEST")
	list, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	look := func(what string, spoilt []byte) (found bool) {
		t.Helper()
		if err := os.WriteFile(path, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := store.Inspect(t.Context(), dir, options, nil)
		if err != nil {
			t.Fatal(what, err)
		}
		if !d.Any() {
			again := filepath.Join(t.TempDir(), "again")
			storetest.Copy(t, dir, again)
			if got := all(t, again); len(got) != 4 {
				t.Errorf("%s: opens with %d of 4 values", what, len(got))
			}
		}
		return d.Any()
	}
	damaged := 0
	for at := range list {
		for bit := range 8 {
			spoilt := bytes.Clone(list)
			if spoilt[at] ^= 1 << bit; look(fmt.Sprintf("bit %d of byte %d of %d", bit, at, len(list)), spoilt) {
				damaged++
			}
		}
	}
	if damaged < 7*len(list) {
		t.Errorf("only %d of %d flips are seen", damaged, 8*len(list))
	}
	for n := range list {
		look(fmt.Sprintf("cut to %d of %d", n, len(list)), list[:n])
		look(fmt.Sprintf("zeros from %d of %d", n, len(list)), append(bytes.Clone(list[:n]), make([]byte, len(list)-n)...))
	}
}

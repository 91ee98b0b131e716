package store_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kakoi/index/store"
	"kakoi/index/store/storetest"
)

// tables are the names of a closed library's tables.
func tables(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	return all
}

// TestLeftOfClose: Badger's Close compacts when the logs are gone. Killed then, it leaves what it was making, which the list of tables does not name yet, or what it was
// made of, which the list does not name any more. Neither is damage, nor does anything that was deleted come back.
func TestLeftOfClose(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "library")
	session := func(fn func(w *store.Writer) error) map[string][]byte {
		t.Helper()
		s, err := store.Open(dir, options)
		if err != nil {
			t.Fatal(err)
		}
		if fn != nil {
			if err := s.Write(fn); err != nil {
				t.Fatal(err)
			}
		}
		got := read(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return got
	}
	session(func(w *store.Writer) error {
		for i := range 40 {
			if err := w.Put(fmt.Sprintf("r/kind/%d", i), []byte("first")); err != nil {
				return err
			}
		}
		return nil
	})
	old := tables(t, dir)[0]
	before, err := os.ReadFile(old)
	if err != nil {
		t.Fatal(err)
	}
	want := session(func(w *store.Writer) error {
		for i := range 20 {
			if err := w.Delete(fmt.Sprintf("r/kind/%d", i)); err != nil {
				return err
			}
		}
		return w.Put("r/kind/30", []byte("second"))
	})
	now, err := os.ReadFile(tables(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	leave := func(path string, data []byte, damaged bool) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err := store.Inspect(t.Context(), dir, options, nil); err != nil || d.Any() != damaged {
			t.Fatalf("%s left: damage %v, %v", filepath.Base(path), d, err)
		}
	}
	next := filepath.Join(dir, "000090.sst")
	leave(old, before, false)                        // what it was made of
	leave(next, now, false)                          // what it makes
	same(t, "what Close leaves", session(nil), want) // and Badger deletes both
	leave(next, make([]byte, len(now)), false)       // made, and still empty
	same(t, "an empty table", session(nil), want)
	leave(next, now[:len(now)-9], false) // half made
	same(t, "half a table", session(nil), want)
	leave(filepath.Join(dir, "000091.sst"), before, true) // one whose line was lost: it has what nothing else has
	if s, err := store.Open(dir, options); err == nil {
		_ = s.Close()
		t.Error("a table that the list lost is deleted without a word")
	}
}

func TestKeyLeftOfClose(t *testing.T) { withKey(t, TestLeftOfClose) }

// TestKilledWhileItCloses kills real processes about the time in which they close a library: it opens, and has all that was written.
func TestKilledWhileItCloses(t *testing.T) {
	const values = 40
	if dir := os.Getenv("KAKOI_TEST_CLOSES"); dir != "" {
		s, err := store.Open(dir, options)
		if err == nil {
			err = s.Write(func(w *store.Writer) error {
				for i := range values {
					if err := w.Put(fmt.Sprintf("r/%d/%d", os.Getpid(), i), bytes.Repeat([]byte("x"), 100)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
		fmt.Println("closing")
		_ = s.Close()
		os.Exit(0)
	}
	r := rand.New(rand.NewPCG(9, uint64(time.Now().UnixNano())))
	dir, written := "", 0
	for i := range 32 {
		if i%4 == 0 { // a new library: the first tables are another case
			dir, written = filepath.Join(t.TempDir(), "library"), 0
		}
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledWhileItCloses$")
		cmd.Env = append(os.Environ(), "KAKOI_TEST_CLOSES="+dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		said := make([]byte, len("closing"))
		if _, err := io.ReadFull(out, said); err != nil || string(said) != "closing" {
			t.Fatalf("kill %d: the library does not open: %q, %v", i, said, err)
		}
		time.Sleep(time.Duration(r.Int64N(int64(12 * time.Millisecond))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		written += values
		storetest.Copy(t, dir, dir+fmt.Sprint(i)) // the next process finds it as it was left
		if got := all(t, dir+fmt.Sprint(i)); len(got) != written {
			t.Fatalf("kill %d: %d values, not the %d that were written", i, len(got), written)
		}
	}
}

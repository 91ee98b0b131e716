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
	"time"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index/store"
	"kakoi/index/store/storetest"
)

// options are those of the libraries of all tests here; withKey gives them a key.
var options store.Options

func newKey(t testing.TB) *vault.Key {
	t.Helper()
	_, k, err := vault.New([]byte("pass"), vault.Params{Time: 1, MemoryKiB: 64, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// withKey runs a test over encrypted libraries.
func withKey(t *testing.T, test func(*testing.T)) {
	options.Key = newKey(t)
	defer func() { options.Key = nil }()
	test(t)
}

func TestKeyLongValues(t *testing.T)          { withKey(t, TestLongValues) }
func TestKeyOpenWaitsForTheLock(t *testing.T) { withKey(t, TestOpenWaitsForTheLock) }
func TestKeyOpenRefuses(t *testing.T)         { withKey(t, TestOpenRefuses) }
func TestKeyEmptyLogs(t *testing.T)           { withKey(t, TestEmptyLogs) }
func TestKeyDamageIsNamed(t *testing.T)       { withKey(t, TestDamageIsNamed) }
func TestKeyFlippedBlocks(t *testing.T)       { withKey(t, TestFlippedBlocks) }
func TestKeyViewSurvivesPanics(t *testing.T)  { withKey(t, TestViewSurvivesPanics) }
func TestKeySalvage(t *testing.T)             { withKey(t, TestSalvageOfASoundFolder) }
func TestKeyFlippedFiles(t *testing.T)        { withKey(t, TestFlippedFiles) }

// TestWhoseLibrary: a library opens with its own key alone, and says calmly what is wrong; nothing is changed by trying.
func TestWhoseLibrary(t *testing.T) {
	one, two := newKey(t), newKey(t)
	for _, c := range []struct {
		made, used *vault.Key
		key        string
	}{{one, nil, "error.store.locked"}, {one, two, "error.store.key"}, {nil, one, "error.store.plain"}} {
		dir := t.TempDir()
		s, err := store.Open(dir, store.Options{Key: c.made})
		if err == nil {
			err = s.Write(func(w *store.Writer) error { return w.Put("r/kind/x/", []byte("text")) })
		}
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		var told *core.UserError
		if _, err := store.Open(dir, store.Options{Key: c.used}); !errors.Is(err, core.ErrEncrypted) || !errors.As(err, &told) || told.Key != c.key {
			t.Errorf("open: %v, not %s", err, c.key)
		}
		if _, err := store.Inspect(t.Context(), dir, store.Options{Key: c.used}, nil); !errors.Is(err, core.ErrEncrypted) {
			t.Errorf("inspect: %v", err)
		}
		if _, err := store.Salvage(t.Context(), dir, dir+".new", store.Options{Key: c.used}, nil); !errors.Is(err, core.ErrEncrypted) {
			t.Errorf("salvage: %v", err)
		}
		if s, err = store.Open(dir, store.Options{Key: c.made}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get("r/kind/x/"); err != nil || string(got) != "text" {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNothingReadable: no key and no value lies in any file of an encrypted library, open, closed or left by a crash, and none of what can be told from one.
func TestNothingReadable(t *testing.T) {
	withKey(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "library")
		s := open(t, dir)
		r := rand.New(rand.NewPCG(5, 5))
		needles := map[[8]byte]string{}
		word := func() string {
			b := make([]byte, 14)
			for i := range b {
				b[i] = "BCDFGHJKLMNPQRSTVWXZbcdfghjklmnpqrstvwxz23456789"[r.IntN(48)]
			}
			needles[[8]byte(b)] = string(b)
			return string(b)
		}
		look := func(what string, dir string) {
			t.Helper()
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				path := filepath.Join(dir, f.Name())
				if _, err := os.Stat(path); err != nil || f.Name() == "LOCK" {
					continue // Badger is at work
				}
				data, _ := storetest.Content(t, path)
				for i := 0; i+8 <= len(data); i++ {
					if needle, ok := needles[[8]byte(data[i:])]; ok && bytes.HasPrefix(data[i:], []byte(needle)) {
						t.Fatalf("%s: %q in %s", what, needle, f.Name())
					}
				}
			}
		}
		for _, known := range []string{"r/kind/ABCD", "!badger!txn", "kakoi library 1"} {
			needles[[8]byte([]byte(known))] = known[:8]
		}
		for i := range 300 {
			key, value := "r/kind/"+word()+"/", word()+strings.Repeat("text ", r.IntN(2000))+word()
			if err := s.Write(func(w *store.Writer) error { return w.Put(key, []byte(value)) }); err != nil {
				t.Fatal(err)
			}
			if i%100 == 0 {
				look("open", dir)
			}
		}
		left := dir + ".left"
		storetest.Copy(t, dir, left)
		look("left", left)
		if err := s.Erase("r/kind/a", "r/kind/B"); err != nil {
			t.Fatal(err)
		}
		look("erased", dir)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		look("closed", dir)
		again := open(t, left)
		look("opened after a crash", left)
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		look("closed after a crash", left)
	})
}

// TestEncrypts: a log that Badger writes without a key is told, and one that goes between the listing of the folder and the look at it (the name of a file that is not there) is no error.
func TestEncrypts(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "gone"), filepath.Join(dir, "00001.mem")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "00002.mem"), []byte{0, 0, 0, 0, 0, 0, 0, 1, 5}, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Encrypts(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "00003.mem"), make([]byte, 20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Encrypts(dir); !errors.Is(err, core.ErrUnsupported) {
		t.Fatal(err)
	}
}

// TestLostIndex: without their indexes the blocks of encrypted tables are found all the same, and with a block gone beside it what is before and behind.
func TestLostIndex(t *testing.T) {
	withKey(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "library")
		small := options // tables: two of them hold no more than a part of the library, however fast the disk was
		small.Table = 256 << 10
		s, err := store.Open(dir, small)
		if err != nil {
			t.Fatal(err)
		}
		want := fill(t, s, 9)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for i, spoil := range []func(data []byte){
			func(data []byte) { data[len(data)-30] ^= 1 },                         // in the index
			func(data []byte) { data[len(data)-30] ^= 1; data[len(data)/2] ^= 1 }, // and a block
			func(data []byte) { data[len(data)-1] = 0xff; data[0] ^= 1 },          // the first block
		} {
			bad := filepath.Join(t.TempDir(), "bad")
			storetest.Copy(t, dir, bad)
			tables, err := filepath.Glob(filepath.Join(bad, "*.sst"))
			if err != nil || len(tables) == 0 {
				t.Fatal(tables, err)
			}
			spoilt := 0
			for _, path := range tables {
				data, err := os.ReadFile(path)
				if err != nil || len(data) < 100_000 || spoilt == 2 {
					continue
				}
				spoilt++
				spoil(data)
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if spoilt == 0 {
				t.Fatal("no table is large enough")
			}
			start := time.Now()
			out, err := store.Salvage(t.Context(), bad, bad+".new", options, nil)
			if err != nil || len(out.Bad) > 0 {
				t.Fatal(i, err, out.Bad)
			}
			got := all(t, bad+".new")
			lost := 0
			for key, value := range want {
				if !bytes.Equal(got[key], value) {
					if lost++; !inHole(out.Holes, key) {
						t.Errorf("%d: %s is gone, and in no hole", i, key)
					}
				}
			}
			t.Logf("%d: %d tables, %d of %d values lost, %v", i, len(tables), lost, len(want), time.Since(start))
			if i == 0 && lost > 0 || lost > len(want)/2 {
				t.Errorf("%d: %d of %d values lost", i, lost, len(want))
			}
		}
	})
}

// TestLostRegister: the register of keys lies twice.
func TestLostRegister(t *testing.T) {
	withKey(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "library")
		s := open(t, dir)
		want := fill(t, s, 10)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		register, err := os.ReadFile(filepath.Join(dir, "KEYREGISTRY"))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(register); i += 1 + i%4 {
			for _, name := range []string{"KEYREGISTRY", "KEYREGISTRY-COPY"} {
				bad := filepath.Join(t.TempDir(), "bad")
				storetest.Copy(t, dir, bad)
				spoilt := bytes.Clone(register)
				spoilt[i] ^= 1 << (i % 8)
				if i%7 == 0 {
					spoilt = spoilt[:i]
				}
				if err := os.WriteFile(filepath.Join(bad, name), spoilt, 0o600); err != nil {
					t.Fatal(err)
				}
				d, err := store.Inspect(t.Context(), bad, options, nil)
				if err != nil || len(d.Holes) > 0 || d.Any() != (name == "KEYREGISTRY") && i >= 16 {
					t.Fatalf("%s, byte %d: %+v %v", name, i, d, err)
				}
				if i%29 > 0 {
					continue
				}
				if name == "KEYREGISTRY" {
					if out, err := store.Salvage(t.Context(), bad, bad+".new", options, nil); err != nil || len(out.Holes) > 0 {
						t.Fatal(out, err)
					}
					bad += ".new"
				}
				same(t, fmt.Sprint(name, i), all(t, bad), want)
				first, err1 := os.ReadFile(filepath.Join(bad, "KEYREGISTRY"))
				second, err2 := os.ReadFile(filepath.Join(bad, "KEYREGISTRY-COPY"))
				if err := errors.Join(err1, err2); err != nil || !bytes.Equal(first, second) {
					t.Error(name, i, "the copy is not made again", err)
				}
			}
		}
	})
}

// TestClock: with a clock that has lost its time Badger would write plain text.
func TestClock(t *testing.T) {
	for year, fine := range map[int]bool{1970: false, 1980: false, 2019: false, 2026: true, 2090: true} {
		if err := store.CheckClock(time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)); (err == nil) != fine {
			t.Error(year, err)
		}
	}
	if store.Rotation > time.Until(time.Now())+store.Oldest.Sub(time.Unix(0, 0)) {
		t.Error("Badger would take no key for the newest")
	}
}

// TestRekey: a library comes through encryption, another key and back as it was, and not at all where something in it cannot be read.
func TestRekey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "library")
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := fill(t, s, 11)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	at := dir
	var from *vault.Key
	for i, to := range []*vault.Key{newKey(t), newKey(t), nil} {
		into := fmt.Sprint(dir, i)
		if err := store.Rekey(t.Context(), at, into, store.Options{Key: from}, store.Options{Key: to}, nil); err != nil {
			t.Fatal(i, err)
		}
		options.Key = to
		same(t, fmt.Sprint(i), all(t, into), want)
		options.Key = nil
		at, from = into, to
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	data, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(tables[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := store.Rekey(t.Context(), dir, dir+".bad", store.Options{}, store.Options{Key: newKey(t)}, nil); !errors.Is(err, core.ErrCorrupt) {
		t.Error(err)
	}
}

// TestKeysThatAreMadeMeanwhile: a data key that Badger makes while the library is open is in the copy of the register when a write under it is reported, so that the loss of the
// register loses nothing.
func TestKeysThatAreMadeMeanwhile(t *testing.T) {
	withKey(t, func(t *testing.T) {
		opt := options
		opt.Rotation = time.Nanosecond // a key for each file
		dir := filepath.Join(t.TempDir(), "library")
		s, err := store.Open(dir, opt)
		if err != nil {
			t.Fatal(err)
		}
		register := func(name string) []byte {
			t.Helper()
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		first := register("KEYREGISTRY-COPY")
		want := map[string][]byte{}
		for i := range 60 {
			key, value := fmt.Sprintf("r/kind/%d/", i), make([]byte, 200_000)
			for j := range value {
				value[j] = byte(j * (i + 7) >> (j % 5))
			}
			want[key] = value
			if err := s.Write(func(w *store.Writer) error { return w.Put(key, value) }); err != nil {
				t.Fatal(err)
			}
			// A compaction may have made another one since: what is written is under those that were there.
			if now := register("KEYREGISTRY-COPY"); len(now) < len(first) || !bytes.HasPrefix(register("KEYREGISTRY"), now) {
				t.Fatalf("write %d: the copy of the register is another one", i)
			}
		}
		if grown := register("KEYREGISTRY-COPY"); len(grown) <= len(first) {
			t.Fatalf("the register has %d bytes after 12 MB: no key was made, the test proves nothing", len(grown))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(register("KEYREGISTRY"), register("KEYREGISTRY-COPY")) {
			t.Error("closed: the copy of the register is another one")
		}
		if err := os.Remove(filepath.Join(dir, "KEYREGISTRY")); err != nil {
			t.Fatal(err)
		}
		out, err := store.Salvage(t.Context(), dir, dir+".new", options, nil)
		if err != nil || len(out.Holes) > 0 || len(out.Bad) > 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		same(t, "salvaged", all(t, dir+".new"), want)
	})
}

// TestSpoiltRegister: with a bit of any byte of the register of keys flipped, or the register cut anywhere, the copy gives all of the library back, and the damage is told or
// does no harm.
func TestSpoiltRegister(t *testing.T) {
	withKey(t, func(t *testing.T) {
		sound := filepath.Join(t.TempDir(), "sound")
		s, err := store.Open(sound, options)
		if err == nil {
			err = s.Write(func(w *store.Writer) error { return w.Put("r/kind/x/", []byte("kept")) })
		}
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(sound, "KEYREGISTRY"))
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "library")
		storetest.Copy(t, sound, dir)
		look := func(what string, spoilt []byte) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "KEYREGISTRY"), spoilt, 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := store.Inspect(t.Context(), dir, options, nil)
			if err != nil || !d.Any() || len(d.Holes) > 0 {
				t.Fatalf("%s: %+v, %v", what, d, err)
			}
		}
		for at := range text {
			for _, bit := range []int{at % 8, (at + 3) % 8} {
				spoilt := bytes.Clone(text)
				spoilt[at] ^= 1 << bit
				look(fmt.Sprintf("bit %d of byte %d of %d", bit, at, len(text)), spoilt)
				if bit == at%8 && at%6 == 0 {
					into := filepath.Join(t.TempDir(), "new")
					out, err := store.Salvage(t.Context(), dir, into, options, nil)
					if err != nil || len(out.Holes) > 0 {
						t.Fatalf("byte %d: salvage: %+v, %v", at, out, err)
					}
					same(t, fmt.Sprint("byte ", at), all(t, into), map[string][]byte{"r/kind/x/": []byte("kept")})
					if err := os.RemoveAll(into); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for n := range len(text) {
			look(fmt.Sprintf("cut to %d of %d", n, len(text)), text[:n])
		}
	})
}

package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/index/store"
)

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func FuzzKey(f *testing.F) {
	for _, text := range []string{"m/format/", "h/ab/cd/", "w/ab/cd/00000001/", "p/a%2Fb/c/00000001/00000002/00000003/", "r/job//", "v/x", "//"} {
		f.Add(text, "c", "d", uint32(1), uint32(2), uint32(3))
	}
	f.Fuzz(func(t *testing.T, text, collection, document string, generation, number, part uint32) {
		if k, err := store.ParseKey(text); err == nil && k.String() != text {
			t.Fatalf("%q parses to %+v, which is %q", text, k, k.String())
		} else if err != nil && !errors.Is(err, core.ErrCorrupt) {
			t.Fatalf("%q: %v", text, err)
		}
		for _, k := range []store.Key{
			{Kind: store.KindCounters, Collection: collection},
			{Kind: store.KindHead, Collection: collection, Document: document},
			{Kind: store.KindWork, Collection: collection, Document: document, Generation: generation},
			{Kind: store.KindChunk, Collection: collection, Document: document, Generation: generation, Number: number, Part: part},
		} {
			back, err := store.ParseKey(k.String())
			if err != nil || back != k {
				t.Fatalf("%+v -> %q -> %+v, %v", k, k.String(), back, err)
			}
			if k.Document != "" && !strings.HasPrefix(k.String(), store.DocumentPrefix(k.Kind, collection, document)) {
				t.Fatalf("%q is outside its document", k.String())
			}
			// No other document begins with this one's prefix.
			other := store.DocumentPrefix(k.Kind, collection, document+"x")
			if strings.HasPrefix(other, store.DocumentPrefix(k.Kind, collection, document)) {
				t.Fatalf("%q is under the prefix of document %q", other, document)
			}
		}
	})
}

func TestLongValues(t *testing.T) {
	s := open(t, t.TempDir())
	r := rand.New(rand.NewPCG(1, 1))
	values := map[uint32][]byte{}
	for i, n := range []int{0, 1, 1000, store.MaxPayload - 4, store.MaxPayload - 3, store.MaxPayload, 3*store.MaxPayload + 17} {
		v := make([]byte, n)
		for j := range v {
			v[j] = byte(r.Uint32())
		}
		values[uint32(i)] = v
	}
	at := func(i uint32) store.Key {
		return store.Key{Kind: store.KindPage, Collection: "c", Document: "d", Generation: 1, Number: i}
	}
	err := s.Bulk(func(w *store.Writer) error {
		for i, v := range values {
			if err := w.PutLong(at(i), v); err != nil {
				return err
			}
		}
		return w.Put("m/small/", make([]byte, store.MaxPayload))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(func(w *store.Writer) error { return w.Put("m/big/", make([]byte, store.MaxPayload+1)) }); !errors.Is(err, core.ErrTooLarge) {
		t.Fatalf("too long: %v", err)
	}
	err = s.View(func(r *store.Reader) error {
		seen := 0
		err := r.EachLong("p/c/d/", "", func(k store.Key, payload []byte) error {
			seen++
			if !bytes.Equal(payload, values[k.Number]) {
				return fmt.Errorf("value %d differs", k.Number)
			}
			return nil
		})
		if seen != len(values) {
			return errors.Join(err, fmt.Errorf("%d of %d values", seen, len(values)))
		}
		one, err2 := r.GetLong(at(6))
		if !bytes.Equal(one, values[6]) {
			return errors.Join(err, err2, errors.New("GetLong differs"))
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	// A part that is gone shows, at the end and in the middle.
	for _, part := range []uint32{3, 1} {
		k := at(6)
		k.Part = part
		if err := s.Write(func(w *store.Writer) error { return w.Delete(k.String()) }); err != nil {
			t.Fatal(err)
		}
		err := s.View(func(r *store.Reader) error { _, err := r.GetLong(at(6)); return err })
		if !errors.Is(err, core.ErrCorrupt) {
			t.Fatalf("without part %d: %v", part, err)
		}
	}
}

// TestOpenWaitsForTheLock: what a process that has ended left behind for a moment does not refuse the next one.
func TestOpenWaitsForTheLock(t *testing.T) {
	dir := t.TempDir()
	lock, err := os.Open(dir)
	if err == nil {
		err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		t.Fatal(err)
	}
	freed := make(chan error, 1)
	go func() {
		time.Sleep(150 * time.Millisecond)
		freed <- lock.Close()
	}()
	s, err := store.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), <-freed); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := store.Open(dir, options); !errors.Is(err, core.ErrBusy) {
		t.Fatalf("second opener: %v", err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("folder: %v, %v", info.Mode(), err)
	}
	if err := s.Write(func(w *store.Writer) error { return w.Put("m/format/", []byte("kakoi library 9")) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(dir, options)
	var said *core.UserError
	if !errors.Is(err, core.ErrUnsupported) || !errors.As(err, &said) || said.Key != "error.store.format" {
		t.Fatalf("newer format: %v", err)
	}
	if _, err := store.Open(dir, store.Options{Free: func(string) (int64, error) { return 1 << 20, nil }}); !errors.Is(err, core.ErrNoSpace) {
		t.Fatalf("full disk: %v", err)
	}
	if err := os.WriteFile(dir+"/MANIFEST", []byte("not a manifest at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(dir, options); !errors.Is(err, core.ErrCorrupt) {
		t.Fatalf("damaged manifest: %v", err)
	}
}

// TestEmptyLogs: what a kill at the wrong moment leaves does not keep the library shut.
func TestEmptyLogs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Write(func(w *store.Writer) error { return w.Put("m/a/", []byte("v")) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00009.mem", "00010.mem", "000009.vlog"} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := open(t, dir).Get("m/a/"); err != nil || string(v) != "v" {
		t.Fatalf("%q, %v", v, err)
	}
}

// TestDamageIsNamed writes a sealed value under another key's name: Badger finds nothing wrong, the checksum does.
func TestDamageIsNamed(t *testing.T) {
	s := open(t, t.TempDir())
	if err := s.Write(func(w *store.Writer) error { return w.Put("m/a/", []byte("payload")) }); err != nil {
		t.Fatal(err)
	}
	if err := store.Raw(s, "m/b/", store.Sealed("m/a/", []byte("payload"))); err != nil {
		t.Fatal(err)
	}
	if err := store.Raw(s, "m/c/", []byte("abc")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"m/b/", "m/c/"} {
		_, err := s.Get(key)
		var d *store.DamagedError
		if !errors.As(err, &d) || d.Key != key || !errors.Is(err, core.ErrCorrupt) {
			t.Fatalf("%s: %v", key, err)
		}
	}
	var sound, damaged []string
	err := s.Verify(context.Background(),
		func(key string, _ []byte) error { sound = append(sound, key); return nil },
		func(key string, _ error) { damaged = append(damaged, key) })
	if err != nil || len(sound) != 2 || fmt.Sprint(damaged) != "[m/b/ m/c/]" {
		t.Fatalf("sound %v, damaged %v, %v", sound, damaged, err)
	}
}

// TestFlippedBlocks flips every byte of a small table; Badger believes the lengths at a block's end before it checks the block's sum,
// and panics. Every way to read gives the right value, nothing, or core.ErrCorrupt.
func TestFlippedBlocks(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	value := func(i int) []byte { return fmt.Appendf(nil, "%d-%x", i, i*7919) }
	key := func(i int) string {
		return store.Key{Kind: store.KindPage, Collection: "c", Document: "d", Generation: 1, Number: uint32(i)}.String()
	}
	const n = 3
	err := s.Bulk(func(w *store.Writer) error {
		for i := range n {
			if err := w.PutLong(store.Key{Kind: store.KindPage, Collection: "c", Document: "d", Generation: 1, Number: uint32(i)}, value(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	panics, tried := 0, 0
	for _, path := range tables(t, dir) {
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := range sound {
			bad := bytes.Clone(sound)
			bad[at] ^= 0x90
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			tried++
			panics += readDamaged(t, dir, n, key, value)
		}
		if err := os.WriteFile(path, sound, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d flips, %d panics of the database", tried, panics)
	if panics == 0 {
		t.Error("no flip made the database panic: the test proves nothing")
	}
}

func readDamaged(t *testing.T, dir string, n int, key func(int) string, value func(int) []byte) (panics int) {
	t.Helper()
	s, err := store.Open(dir, options)
	if err != nil {
		if !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("open: %v", err)
		}
		if strings.Contains(err.Error(), "last block cannot be read") {
			return 1
		}
		return 0
	}
	defer s.Close()
	check := func(what string, err error) {
		if err != nil && !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && strings.Contains(err.Error(), "block cannot be read") {
			panics++
		}
	}
	prefix := store.DocumentPrefix(store.KindPage, "c", "d")
	err = s.View(func(r *store.Reader) error {
		for _, i := range []int{0, n / 2, n - 1} {
			_, err := r.Get(key(i))
			check("get", err)
		}
		check("keys", r.Keys(prefix, func(string) error { return nil }))
		check("each", r.EachLong(prefix, "", func(k store.Key, payload []byte) error {
			if !bytes.Equal(payload, value(int(k.Number))) {
				t.Errorf("wrong value of %s", k)
			}
			return nil
		}))
		return nil
	})
	check("view", err)
	told := 0
	if err := s.Verify(context.Background(), func(string, []byte) error { return nil }, func(_ string, err error) { told++; check("verify", err) }); err != nil {
		t.Errorf("verify: %v", err)
	}
	return panics
}

// TestViewSurvivesPanics: what a decoder makes of damaged bytes does not end the process, and the store can be used on.
func TestViewSurvivesPanics(t *testing.T) {
	s := open(t, t.TempDir())
	err := s.View(func(r *store.Reader) error {
		return r.Each("m/", "", func(_ string, payload []byte) error { return fmt.Errorf("%c", payload[:5][len(payload)]) })
	})
	var d *store.DamagedError
	if !errors.As(err, &d) || d.Key != "m/format/" {
		t.Fatalf("error %v", err)
	}
	if _, err := s.Get("m/format/"); err != nil {
		t.Fatal(err)
	}
	if err := s.Erase("m/format/"); err != nil {
		t.Fatal(err)
	}
}

// TestCloseOnAFullDisk: nothing is written, and nothing is lost. The folder stays locked until the process ends, so that what a later
// process finds is looked at in a copy.
func TestCloseOnAFullDisk(t *testing.T) {
	dir, later := t.TempDir(), t.TempDir()
	room := int64(1 << 40)
	s, err := store.Open(dir, store.Options{Free: func(string) (int64, error) { return room, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(func(w *store.Writer) error { return w.Put("r/job/1", []byte("kept")) }); err != nil {
		t.Fatal(err)
	}
	tables := func() int {
		all, err := filepath.Glob(filepath.Join(dir, "*.sst"))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := tables()
	room = 1 << 20
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if now := tables(); now != before {
		t.Errorf("%d tables were written to a full disk", now-before)
	}
	if err := s.Write(func(w *store.Writer) error { return w.Put("r/job/2", nil) }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	if err := os.CopyFS(later, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if value, err := open(t, later).Get("r/job/1"); err != nil || string(value) != "kept" {
		t.Errorf("found later: %q, %v", value, err)
	}
}

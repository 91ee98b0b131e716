package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/index/store"
)

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
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

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := store.Open(dir, store.Options{}); !errors.Is(err, core.ErrBusy) {
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
	_, err := store.Open(dir, store.Options{})
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
	if _, err := store.Open(dir, store.Options{}); !errors.Is(err, core.ErrCorrupt) {
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

package vault

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
)

func appendAll(t *testing.T, k *Key, path string, texts ...string) {
	t.Helper()
	a, err := k.Append(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if n, err := a.Write([]byte(text)); err != nil || n != len(text) {
			t.Fatal(n, err)
		}
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		if k != nil {
			t.Fatal(err)
		}
	}
}

func TestAppend(t *testing.T) {
	_, key := newVault(t, "pass")
	for _, k := range []*Key{nil, key} {
		path := filepath.Join(t.TempDir(), "log")
		appendAll(t, k, path, "one\n", "two\n")
		long := string(bytes.Repeat([]byte("long "), maxRecord/2))
		appendAll(t, k, path, long, "", "three\n")
		got, err := k.ReadAppended(path)
		if err != nil || string(got) != "one\ntwo\n"+long+"three\n" {
			t.Error(len(got), err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(info, err)
		}
		raw, err := os.ReadFile(path)
		if err != nil || k != nil && bytes.Contains(raw, []byte("one\n")) {
			t.Error("readable", err)
		}
	}
	if _, err := key.ReadAppended(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// TestAppendTorn: wherever a crash cut the file, the whole records before it are there, and writing goes on.
func TestAppendTorn(t *testing.T) {
	_, k := newVault(t, "pass")
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	texts := []string{"first record\n", "second record\n", "third record\n"}
	appendAll(t, k, path, texts...)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	record := func(i int) int { return recordHead + len(texts[i]) + 16 }
	for n := range len(raw) + 1 {
		// Cut, and as long as it was to be, with zeros for what did not come to the disk.
		for _, torn := range [][]byte{raw[:n], append(bytes.Clone(raw[:n]), make([]byte, 100)...)} {
			if len(torn) > n && n < headSize {
				continue // the head is written, and its name synced, before anything else
			}
			want, end := "", headSize
			for i := range texts {
				// A record whose last bytes are zeros is whole when zeros stand for them.
				if end += record(i); end <= len(torn) && bytes.Equal(torn[:end], raw[:end]) {
					want += texts[i]
				}
			}
			if err := os.WriteFile(path, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := k.ReadAppended(path); err != nil || string(got) != want {
				t.Fatalf("cut at %d: %q %v", n, got, err)
			}
			appendAll(t, k, path, "next\n")
			if got, err := k.ReadAppended(path); err != nil || string(got) != want+"next\n" {
				t.Fatalf("cut at %d, then written: %q %v", n, got, err)
			}
		}
	}
}

// TestAppendDamaged: no bit of a record can differ, none can be missing before the end, moved or doubled.
func TestAppendDamaged(t *testing.T) {
	_, k := newVault(t, "pass")
	path := filepath.Join(t.TempDir(), "log")
	texts := []string{"1st record\n", "2nd record\n", "3rd record\n"}
	appendAll(t, k, path, texts...)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := k.ReadAppended(path); !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, ErrPlain) && !errors.Is(err, ErrOther) {
			t.Fatalf("%s: %v", what, err)
		}
		if a, err := k.Append(path); err == nil {
			t.Fatalf("%s: is written into", what)
			a.Close()
		}
	}
	for i := range raw {
		for bit := range 8 {
			flipped := bytes.Clone(raw)
			flipped[i] ^= 1 << bit
			bad(fmt.Sprintf("byte %d bit %d", i, bit), flipped)
		}
	}
	size := recordHead + len(texts[0]) + 16
	at := func(i int) []byte { return raw[headSize+i*size:][:size] }
	head := raw[:headSize]
	for what, parts := range map[string][][]byte{
		"moved": {head, at(1), at(0), at(2)}, "missing": {head, at(0), at(2)}, "the first is missing": {head, at(1), at(2)}, "doubled": {head, at(0), at(0), at(1), at(2)},
	} {
		bad(what, bytes.Join(parts, nil))
	}
}

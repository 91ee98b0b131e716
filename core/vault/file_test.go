package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"kakoi/core"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// sizes are around the ends of chunks.
var sizes = []int{0, 1, 100, chunkSize - 1, chunkSize, chunkSize + 1, 2*chunkSize - 1, 2 * chunkSize, 3*chunkSize + 7}

func TestFile(t *testing.T) {
	_, key := newVault(t, "pass")
	for _, k := range []*Key{nil, key} {
		for _, n := range sizes {
			path := filepath.Join(t.TempDir(), "file")
			want := random(n)
			w, err := k.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			for at := 0; at < n; at += 10007 {
				if _, err := w.Write(want[at:min(n, at+10007)]); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Error("there before Commit")
			}
			if err := errors.Join(w.Commit(), w.Close()); err != nil {
				t.Fatal(err)
			}
			got, err := k.ReadFile(path)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatal(n, "differs", err)
			}
			raw, err := os.ReadFile(path)
			if err != nil || k != nil && n >= 16 && bytes.Contains(raw, want[:16]) {
				t.Fatal("readable", err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Error(info, err)
			}
			r, err := k.Open(path)
			if err != nil || r.Size() != int64(n) {
				t.Fatal(n, err)
			}
			if err := iotest.TestReader(r, want); err != nil { // Read, Seek, ReadAt
				t.Errorf("%d: %v", n, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			stream, err := k.Unseal(iotest.OneByteReader(bytes.NewReader(raw)))
			if err != nil {
				t.Fatal(err)
			}
			if n < 1000 {
				if err := iotest.TestReader(onlyReader{stream}, want); err != nil {
					t.Errorf("stream %d: %v", n, err)
				}
			} else if got, err := io.ReadAll(stream); err != nil || !bytes.Equal(got, want) {
				t.Error(n, "stream differs", err)
			}
		}
	}
	left, err := filepath.Glob(filepath.Join(t.TempDir(), newPrefix+"*"))
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

type onlyReader struct{ io.Reader }

// readBoth reads a file in both ways, which must agree.
func readBoth(t *testing.T, k *Key, path string) ([]byte, error) {
	t.Helper()
	got, err := k.ReadFile(path)
	f, ferr := os.Open(path)
	if ferr != nil {
		t.Fatal(ferr)
	}
	defer f.Close()
	r, serr := k.Unseal(f)
	var streamed []byte
	if serr == nil {
		streamed, serr = io.ReadAll(r)
	}
	if (err == nil) != (serr == nil) || err == nil && !bytes.Equal(got, streamed) {
		t.Fatalf("read in two ways: %v and %v", err, serr)
	}
	return got, err
}

// TestDamagedFile: no bit of a file can differ, and no piece of it can be missing, moved, doubled or of another file.
func TestDamagedFile(t *testing.T) {
	_, k := newVault(t, "pass")
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	bad := func(what string, raw []byte) {
		t.Helper()
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readBoth(t, k, path); !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, ErrPlain) && !errors.Is(err, ErrOther) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	whole := func(n int) []byte {
		t.Helper()
		if err := k.WriteFile(path, random(n)); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	small := whole(50)
	for i := range small {
		for bit := range 8 {
			flipped := bytes.Clone(small)
			flipped[i] ^= 1 << bit
			bad(fmt.Sprintf("byte %d bit %d", i, bit), flipped)
		}
	}
	for n := range small {
		bad(fmt.Sprintf("cut to %d", n), small[:n])
	}
	bad("longer", append(bytes.Clone(small), 0))

	large, other := whole(3*chunkSize+100), whole(3*chunkSize+100)
	for i := 0; i < len(large); i += 4001 {
		flipped := bytes.Clone(large)
		flipped[i] ^= 1
		bad(fmt.Sprintf("byte %d", i), flipped)
	}
	at := func(raw []byte, n int) []byte {
		from := headSize + n*sealedSize
		return raw[from:min(len(raw), from+sealedSize)]
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	head := large[:headSize]
	bad("moved", join(head, at(large, 1), at(large, 0), at(large, 2), at(large, 3)))
	bad("missing", join(head, at(large, 0), at(large, 2), at(large, 3)))
	bad("doubled", join(head, at(large, 0), at(large, 0), at(large, 1), at(large, 2), at(large, 3)))
	bad("of another file", join(head, at(large, 0), at(other, 1), at(large, 2), at(large, 3)))
	bad("another head", join(other[:headSize], at(large, 0), at(large, 1), at(large, 2), at(large, 3)))
	for n := range 4 {
		bad(fmt.Sprintf("%d chunks", n), large[:headSize+n*sealedSize])
	}
	even := whole(2 * chunkSize)
	bad("even, one chunk", even[:headSize+sealedSize])
	bad("even, an empty chunk more", append(bytes.Clone(even), make([]byte, 16)...))
}

func TestWhoseFile(t *testing.T) {
	_, k := newVault(t, "pass")
	_, other := newVault(t, "pass")
	dir := t.TempDir()
	plain, sealed, appended := filepath.Join(dir, "plain"), filepath.Join(dir, "sealed"), filepath.Join(dir, "appended")
	var none *Key
	if err := errors.Join(none.WriteFile(plain, []byte("text")), k.WriteFile(sealed, []byte("text"))); err != nil {
		t.Fatal(err)
	}
	a, err := k.Append(appended)
	if err == nil {
		_, err = a.Write([]byte("text"))
	}
	if err := errors.Join(err, a.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key  *Key
		path string
		want error
	}{
		{none, plain, nil}, {k, sealed, nil}, {k, plain, ErrPlain}, {none, sealed, core.ErrEncrypted}, {other, sealed, ErrOther}, {k, appended, core.ErrCorrupt},
	} {
		if got, err := c.key.ReadFile(c.path); !errors.Is(err, c.want) || err == nil && string(got) != "text" {
			t.Errorf("%s: %v, not %v", c.path, err, c.want)
		}
	}
	if got, err := k.ReadFileAny(plain); err != nil || string(got) != "text" {
		t.Error(err)
	}
	if got, err := k.ReadAppendedAny(plain); err != nil || string(got) != "text" {
		t.Error(err)
	}
	if _, err := k.ReadAppended(sealed); !errors.Is(err, core.ErrCorrupt) {
		t.Error(err)
	}
	if _, err := none.ReadAppended(appended); !errors.Is(err, core.ErrEncrypted) {
		t.Error(err)
	}
	if _, err := none.Append(appended); !errors.Is(err, core.ErrEncrypted) {
		t.Error(err)
	}
	if _, err := k.Append(plain); !errors.Is(err, ErrPlain) {
		t.Error(err)
	}
	for path, want := range map[string]bool{plain: false, sealed: true, appended: true} {
		if got, err := Encrypted(path); got != want || err != nil {
			t.Error(path, got, err)
		}
	}
}

// TestWriteStopped: a file that is not committed is not there, and the old one is.
func TestWriteStopped(t *testing.T) {
	_, k := newVault(t, "pass")
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := k.WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	w, err := k.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(random(100000)); err != nil {
		t.Fatal(err)
	}
	if got, err := k.ReadFile(path); err != nil || string(got) != "old" {
		t.Error(err)
	}
	if err := Sweep(dir); err != nil { // as after a kill
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil {
		t.Error("committed what was swept away")
	}
	w, err = k.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
}

func BenchmarkSeal(b *testing.B) {
	_, k, err := New([]byte("pass"), quick)
	if err != nil {
		b.Fatal(err)
	}
	data := random(16 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		w, err := k.Seal(io.Discard)
		if err == nil {
			_, err = w.Write(data)
		}
		if err := errors.Join(err, w.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

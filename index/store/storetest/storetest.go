// Package storetest copies the files of libraries for tests.
package storetest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Copy copies a library that nobody has open, without the empty space at the ends of its files, and without its lock file.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() == "LOCK" {
			continue
		}
		data, size := Content(t, filepath.Join(from, f.Name()))
		err := os.WriteFile(filepath.Join(to, f.Name()), data, 0o600)
		if err == nil {
			err = os.Truncate(filepath.Join(to, f.Name()), size)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Content is a file without the empty space at its end, and its size: Badger's logs are 128 MB of it.
func Content(t testing.TB, path string) (data []byte, size int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for part := make([]byte, 1<<20); ; {
		n, err := io.ReadFull(f, part)
		if data = append(data, part[:n]...); err != nil || len(bytes.TrimRight(part, "\x00")) == 0 {
			return bytes.TrimRight(data, "\x00"), info.Size()
		}
	}
}

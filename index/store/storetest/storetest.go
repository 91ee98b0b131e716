// Package storetest is for tests of the files of libraries: it copies them, and knows how a text may lie in them.
package storetest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/japanese"
)

// Copy copies a library, anew where a file of an open one goes meanwhile, without the empty space at the ends of its files, and without its lock file.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	for range 20 {
		if copied(t, from, to) {
			return
		}
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("the files of %q never stand still", from)
}

// copied is false where a file went while the folder was copied: Badger, still open, made a table of its log, and the copy would lack both.
func copied(t testing.TB, from, to string) bool {
	t.Helper()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int64{}
	for _, f := range files {
		if f.Name() == "LOCK" {
			continue
		}
		path := filepath.Join(from, f.Name())
		data, size := []byte(nil), int64(0)
		if _, err := os.Stat(path); err == nil {
			data, size = Content(t, path)
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return false
		}
		sizes[f.Name()] = size
		err := os.WriteFile(filepath.Join(to, f.Name()), data, 0o600)
		if err == nil {
			err = os.Truncate(filepath.Join(to, f.Name()), size)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// A log that was being emptied when it was copied is gone by now, or a table of what was in it has come. (Of 40 copies of libraries that had just been filled, taken
	// beside other work without this, 5 lacked values: in all of them a name had come or gone.) Badger cuts a log to nothing before it deletes it: sizes tell that.
	now, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	return slices.EqualFunc(files, now, func(a, b fs.DirEntry) bool {
		info, err := b.Info()
		return a.Name() == b.Name() && (b.Name() == "LOCK" || err == nil && info.Size() == sizes[b.Name()])
	})
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

// Writings are the ways in which a text may lie in a file.
func Writings(t testing.TB, text string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{"UTF-8": []byte(text)}
	var little, big []byte
	escaped := ""
	for _, u := range utf16.Encode([]rune(text)) {
		little, big = binary.LittleEndian.AppendUint16(little, u), binary.BigEndian.AppendUint16(big, u)
		escaped += fmt.Sprintf(`\u%04x`, u)
	}
	out["UTF-16LE"], out["UTF-16BE"], out["JSON escapes"] = little, big, []byte(escaped)
	for name, e := range map[string]interface{ Bytes([]byte) ([]byte, error) }{"Shift_JIS": japanese.ShiftJIS.NewEncoder(), "EUC-JP": japanese.EUCJP.NewEncoder()} {
		b, err := e.Bytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	for i := range 3 { // base64 of it, wherever it begins in a group
		raw := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + text))
		out[fmt.Sprint("base64 ", i)] = []byte(raw[4 : len(raw)-4])
	}
	return out
}

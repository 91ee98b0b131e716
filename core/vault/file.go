package vault

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"kakoi/core"
)

// newPrefix begins the names of files that are being written; Sweep removes what a crash left of them.
const newPrefix = ".new-"

// Writer writes a file that appears under its name with Commit.
type Writer struct {
	f    *os.File
	path string
	to   io.WriteCloser
	done bool
}

// Create begins a file (mode 0600) beside the place where Commit puts it.
func (k *Key) Create(path string) (*Writer, error) {
	f, err := os.CreateTemp(filepath.Dir(path), newPrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	to, err := k.Seal(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create %s: %w", path, err), f.Close(), os.Remove(f.Name()))
	}
	return &Writer{f: f, path: path, to: to}, nil
}

func (w *Writer) Write(p []byte) (int, error) { return w.to.Write(p) }

// Commit makes the file whole: on the disk, under its name. After an error nothing of it is left.
func (w *Writer) Commit() error {
	if w.done {
		return os.ErrClosed
	}
	err := errors.Join(w.to.Close(), w.f.Sync())
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", w.path, err), w.Close())
	}
	w.done = true
	if err = w.f.Close(); err == nil {
		err = rename(w.f.Name(), w.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", w.path, err), os.Remove(w.f.Name()))
	}
	return syncPath(filepath.Dir(w.path))
}

// Close removes what was not committed; after Commit it does nothing.
func (w *Writer) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	return errors.Join(w.f.Close(), os.Remove(w.f.Name()))
}

// rename is the step of a write that others see; a test stops before it.
var rename = os.Rename

// WriteFile writes a whole file: the old one or the new one is there at any moment.
func (k *Key) WriteFile(path string, data []byte) error {
	w, err := k.Create(path)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), w.Close())
	}
	return w.Commit()
}

// writeWhole is WriteFile of a plain file.
func writeWhole(path string, data []byte) error {
	var plain *Key
	return plain.WriteFile(path, data)
}

// Sweep removes the files of a folder (not of those below) that a crash left half written.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), newPrefix) && e.Type().IsRegular() {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// Reader reads a file, at any place of it. ReadAt may be called concurrently; Read and Seek share a position.
type Reader struct {
	f    *os.File
	aead cipher.AEAD // nil: a plain file
	size int64       // of the text
	at   int64

	mu     sync.Mutex
	have   int64 // number of the chunk in text; -1: none
	text   []byte
	sealed []byte
}

// Open opens a file: core.ErrCorrupt when it is cut or its last chunk is not what was written (others show when they are read), ErrPlain, ErrOther; core.ErrEncrypted
// for an encrypted one with a nil Key.
func (k *Key) Open(path string) (*Reader, error) { return k.open(path, false) }

// OpenAny is Open for the time of a change from plain to encrypted: with a Key it reads plain files too.
func (k *Key) OpenAny(path string) (*Reader, error) { return k.open(path, true) }

func (k *Key) open(path string, plain bool) (r *Reader, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open %s: %w", path, err), f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	key, err := k.readHead(head[:n], kindFile)
	if k == nil && err == nil || plain && errors.Is(err, ErrPlain) {
		return &Reader{f: f, size: info.Size()}, nil
	}
	if err != nil {
		return nil, err
	}
	defer clear(key)
	r = &Reader{f: f, have: -1, sealed: make([]byte, 0, sealedSize)}
	if r.aead, err = chacha20poly1305.New(key); err != nil {
		return nil, err
	}
	sealed := info.Size() - int64(headSize)
	chunks := (sealed + int64(sealedSize) - 1) / int64(sealedSize)
	if sealed < chacha20poly1305.Overhead {
		return nil, fmt.Errorf("it is cut: %w", core.ErrCorrupt)
	}
	r.size = sealed - chunks*chacha20poly1305.Overhead
	return r, r.load(chunks-1, chunks)
}

// chunks is the number of them.
func (r *Reader) chunks() int64 { return max(1, (r.size+chunkSize-1)/chunkSize) }

// load decrypts a chunk. The caller holds mu.
func (r *Reader) load(number, chunks int64) error {
	if r.have == number {
		return nil
	}
	want := min(r.size-number*chunkSize, chunkSize) + chacha20poly1305.Overhead
	if want < chacha20poly1305.Overhead {
		return fmt.Errorf("it is cut: %w", core.ErrCorrupt)
	}
	r.sealed = r.sealed[:want]
	r.have = -1
	if _, err := r.f.ReadAt(r.sealed, int64(headSize)+number*int64(sealedSize)); errors.Is(err, io.EOF) {
		return fmt.Errorf("it is cut: %w", core.ErrCorrupt)
	} else if err != nil {
		return err
	}
	text, err := openChunk(r.aead, r.text, r.sealed, number, number == chunks-1)
	if err != nil {
		return err
	}
	r.text, r.have = text, number
	return nil
}

// Size is the length of the text in bytes.
func (r *Reader) Size() int64 { return r.size }

// ReadAt reads at a place of the text; core.ErrCorrupt where the file is not what was written.
func (r *Reader) ReadAt(p []byte, at int64) (n int, err error) {
	if r.aead == nil {
		return r.f.ReadAt(p, at)
	}
	if at < 0 {
		return 0, fmt.Errorf("read %s at %d: %w", r.f.Name(), at, core.ErrUsage)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(p) {
		if at >= r.size {
			return n, io.EOF
		}
		if err := r.load(at/chunkSize, r.chunks()); err != nil {
			return n, fmt.Errorf("read %s: %w", r.f.Name(), err)
		}
		m := copy(p[n:], r.text[at%chunkSize:])
		n, at = n+m, at+int64(m)
	}
	return n, nil
}

func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.at >= r.size {
		return 0, io.EOF
	}
	n, err := r.ReadAt(p[:min(int64(len(p)), r.size-r.at)], r.at)
	r.at += int64(n)
	return n, err
}

// Seek sets where Read goes on.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return r.at, fmt.Errorf("seek in %s: %w", r.f.Name(), core.ErrUsage)
	}
	r.at = offset
	return offset, nil
}

// Close closes the file and forgets what was read.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.text)
	r.have = -1
	return r.f.Close()
}

// ReadFile reads a whole file; errors are those of Open.
func (k *Key) ReadFile(path string) ([]byte, error) { return k.readFile(path, false) }

// ReadFileAny is ReadFile that takes a plain file too, as OpenAny does.
func (k *Key) ReadFileAny(path string) ([]byte, error) { return k.readFile(path, true) }

func (k *Key) readFile(path string, plain bool) ([]byte, error) {
	r, err := k.open(path, plain)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.aead == nil {
		return io.ReadAll(r.f) // it may grow meanwhile
	}
	out := make([]byte, r.size)
	_, err = io.ReadFull(r, out)
	return out, err
}

// Encrypted says whether a file begins as an encrypted one of any vault, whole or appended.
func Encrypted(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return bytes.Equal(head[:n], []byte(magic)), nil
}

// syncPath makes a file or the names of a folder outlast a loss of power.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

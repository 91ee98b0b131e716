package vault

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"kakoi/core"
)

// maxRecord bounds one record of an appended file, in bytes of text; longer writes become several.
const maxRecord = 1 << 20

// recordHead is what stands before a record's text: length, check, nonce.
const recordHead = 8 + chacha20poly1305.NonceSizeX

// Append opens a file for writing at its end, or makes it (mode 0600). Each Write is one record, whole or not there after a crash; what a crash left half written is cut
// off first. One process may append at a time. core.ErrCorrupt when the file's records cannot be read, ErrPlain, ErrOther, core.ErrEncrypted with a nil Key.
func (k *Key) Append(path string) (io.WriteCloser, error) {
	if k == nil {
		if enc, err := Encrypted(path); err == nil && enc {
			return nil, fmt.Errorf("append to %s: %w", path, core.ErrEncrypted)
		}
		return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	}
	a, err := k.append(path)
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", path, err)
	}
	return a, nil
}

func (k *Key) append(path string) (_ *appender, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
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
	if tornHead(head[:n], info.Size()) {
		if err := f.Truncate(0); err != nil {
			return nil, err
		}
		head, key, err := k.newHead(kindAppend)
		if err != nil {
			return nil, err
		}
		if _, err := f.WriteAt(head, 0); err != nil {
			return nil, err
		}
		if err := syncPath(filepath.Dir(path)); err != nil {
			return nil, err
		}
		return newAppender(f, key, 0, int64(headSize))
	}
	key, err := k.readHead(head[:n], kindAppend)
	if err != nil {
		return nil, err
	}
	records, end, err := eachRecord(f, info.Size(), key, nil)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(end); err != nil {
		return nil, err
	}
	return newAppender(f, key, records, end)
}

// tornHead says whether a file ends in its head, or before it: a crash at its birth. Nothing was written into it.
func tornHead(head []byte, size int64) bool {
	if size == 0 || size < int64(headSize) && bytes.HasPrefix([]byte(magic), head[:min(len(head), len(magic))]) {
		return true
	}
	return size <= int64(headSize) && len(bytes.Trim(head, "\x00")) == 0
}

// appender writes records.
type appender struct {
	mu     sync.Mutex
	f      *os.File
	key    []byte
	aead   cipher.AEAD
	number uint64
	at     int64
	err    error
}

func newAppender(f *os.File, key []byte, number uint64, at int64) (*appender, error) {
	aead, err := chacha20poly1305.NewX(key)
	return &appender{f: f, key: key, aead: aead, number: number, at: at}, err
}

func (a *appender) Write(p []byte) (n int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(p) > 0 && a.err == nil {
		part := p[:min(len(p), maxRecord)]
		record := sealRecord(a.aead, a.key, a.number, part)
		if _, err := a.f.WriteAt(record, a.at); err != nil {
			// The next one may be shorter than what is there of it.
			return n, errors.Join(err, a.f.Truncate(a.at))
		}
		a.at += int64(len(record))
		a.number++
		n, p = n+len(part), p[len(part):]
	}
	return n, a.err
}

// Sync makes all records outlast a loss of power.
func (a *appender) Sync() error { return a.f.Sync() }

// Close ends the writing.
func (a *appender) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return nil
	}
	a.err = os.ErrClosed
	clear(a.key)
	return a.f.Close()
}

// recordBound is what a record is authenticated with: its number and length.
func recordBound(number uint64, length int) []byte {
	return binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, number), uint32(length))
}

func recordCheck(key, bound []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("record"))
	m.Write(bound)
	return m.Sum(nil)[:4]
}

func sealRecord(aead cipher.AEAD, key []byte, number uint64, text []byte) []byte {
	bound := recordBound(number, len(text))
	out := make([]byte, recordHead, recordHead+len(text)+aead.Overhead())
	binary.LittleEndian.PutUint32(out, uint32(len(text)))
	copy(out[4:], recordCheck(key, bound))
	_, _ = rand.Read(out[8:recordHead])
	return aead.Seal(out, out[8:recordHead], text, bound)
}

// eachRecord calls fn (nil: nobody) with the text of each record and gives their number and where the last whole one ends.
func eachRecord(f io.ReaderAt, size int64, key []byte, fn func(text []byte) error) (number uint64, end int64, err error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return 0, 0, err
	}
	r := io.NewSectionReader(f, int64(headSize), size-int64(headSize))
	in := &buffered{r: r}
	var text []byte
	for end = int64(headSize); ; number++ {
		head, err := in.peek(recordHead)
		if err != nil {
			return number, end, err
		}
		if len(head) == 0 {
			return number, end, nil
		}
		length := 0
		if len(head) >= 8 {
			length = int(binary.LittleEndian.Uint32(head))
		}
		bound := recordBound(number, length)
		sound := len(head) >= 8 && length > 0 && length <= maxRecord && hmac.Equal(head[4:8], recordCheck(key, bound))
		if !sound {
			rest, err := in.peek(recordHead + maxRecord + aead.Overhead() + 1)
			if err == nil && !torn(rest, len(head) < 8) {
				err = fmt.Errorf("record %d: %w", number, core.ErrCorrupt)
			}
			return number, end, err
		}
		whole := recordHead + length + aead.Overhead()
		record, err := in.peek(whole + 16)
		if err != nil {
			return number, end, err
		}
		if len(record) < whole {
			return number, end, nil
		}
		text, err = aead.Open(text[:0], record[8:recordHead], record[recordHead:whole], bound)
		if err != nil {
			if torn(record, false) { // and what lies behind it was not on the disk for sure, either
				return number, end, nil
			}
			return number, end, fmt.Errorf("record %d: %w", number, core.ErrCorrupt)
		}
		if fn != nil {
			if err := fn(text); err != nil {
				return number, end, err
			}
		}
		in.skip(whole)
		end += int64(whole)
	}
}

// torn says whether the end of a file is what a loss of power leaves of a record: nothing behind its beginning, or zeros where pages did not come to the disk. A run of 16
// zeros is not in what was encrypted, nor are four at its end.
func torn(rest []byte, short bool) bool {
	return short || bytes.Contains(rest, make([]byte, 16)) || bytes.HasSuffix(rest, make([]byte, 4))
}

// buffered reads ahead.
type buffered struct {
	r   io.Reader
	buf []byte
	at  int
}

// peek gives the next n bytes, fewer at the end of the file.
func (b *buffered) peek(n int) ([]byte, error) {
	if len(b.buf)-b.at < n {
		b.buf = append(b.buf[:0], b.buf[b.at:]...)
		b.at = 0
		have := len(b.buf)
		want := max(n, 64<<10)
		b.buf = append(b.buf, make([]byte, want-have)...)
		m, err := io.ReadFull(b.r, b.buf[have:])
		b.buf = b.buf[:have+m]
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
	}
	return b.buf[b.at:min(len(b.buf), b.at+n)], nil
}

func (b *buffered) skip(n int) { b.at += n }

// ReadAppended reads all of an appended file: core.ErrCorrupt, ErrPlain, ErrOther, core.ErrEncrypted with a nil Key. fs.ErrNotExist where there is none.
func (k *Key) ReadAppended(path string) ([]byte, error) { return k.readAppended(path, false) }

// ReadAppendedAny is ReadAppended that takes a plain file too, as OpenAny does.
func (k *Key) ReadAppendedAny(path string) ([]byte, error) { return k.readAppended(path, true) }

func (k *Key) readAppended(path string, plain bool) (out []byte, err error) {
	if k == nil {
		data, err := os.ReadFile(path)
		if err == nil && bytes.HasPrefix(data, []byte(magic)) {
			return nil, fmt.Errorf("read %s: %w", path, core.ErrEncrypted)
		}
		return data, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	head := make([]byte, headSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if tornHead(head[:n], info.Size()) {
		return nil, nil
	}
	key, err := k.readHead(head[:n], kindAppend)
	if plain && errors.Is(err, ErrPlain) {
		return os.ReadFile(path)
	}
	if err == nil {
		_, _, err = eachRecord(f, info.Size(), key, func(text []byte) error {
			out = append(out, text...)
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return out, nil
}

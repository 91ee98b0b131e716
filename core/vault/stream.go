package vault

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"kakoi/core"
)

const (
	magic      = "KAKOIENC1"
	kindFile   = 'F'
	kindAppend = 'A'
	nonceSize  = 32
	headSize   = len(magic) + 1 + idSize + nonceSize
	chunkSize  = 64 << 10
	sealedSize = chunkSize + chacha20poly1305.Overhead
)

// ErrPlain is a file that is not encrypted where one under the key was expected.
var ErrPlain = errors.New("file is not encrypted")

// ErrOther is a file under the key of another vault.
var ErrOther = errors.New("file of another vault")

// newHead makes the beginning of a file, and its key.
func (k *Key) newHead(kind byte) (head, key []byte, err error) {
	head = append(append(append(make([]byte, 0, headSize), magic...), kind), k.id[:]...)
	nonce := make([]byte, nonceSize)
	_, _ = rand.Read(nonce)
	key, err = k.fileKey(kind, nonce)
	return append(head, nonce...), key, err
}

// readHead checks the beginning of a file and gives its key. A nil Key wants a plain file: core.ErrEncrypted for another.
func (k *Key) readHead(head []byte, kind byte) ([]byte, error) {
	switch {
	case k == nil && bytes.HasPrefix(head, []byte(magic)):
		return nil, core.ErrEncrypted
	case k == nil:
		return nil, nil
	case !bytes.HasPrefix(head, []byte(magic)):
		return nil, ErrPlain
	case len(head) < headSize:
		return nil, fmt.Errorf("its head is cut: %w", core.ErrCorrupt)
	case head[len(magic)] != kind:
		return nil, fmt.Errorf("its kind is %q: %w", head[len(magic)], core.ErrCorrupt)
	case !bytes.Equal(head[len(magic)+1:][:idSize], k.id[:]):
		return nil, ErrOther
	}
	return k.fileKey(kind, head[headSize-nonceSize:headSize])
}

// chunkNonce is the nonce of one chunk.
func chunkNonce(number int64, last bool) []byte {
	n := make([]byte, chacha20poly1305.NonceSize)
	binary.LittleEndian.PutUint64(n, uint64(number))
	if last {
		n[len(n)-1] = 1
	}
	return n
}

// Seal gives a writer that encrypts into w; Close writes the end, without which nobody takes it for whole, and leaves w open. With a nil Key it writes what it gets.
func (k *Key) Seal(w io.Writer) (io.WriteCloser, error) {
	if k == nil {
		return plainWriter{w}, nil
	}
	head, key, err := k.newHead(kindFile)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	aead, err := chacha20poly1305.New(key)
	if err == nil {
		_, err = w.Write(head)
	}
	if err != nil {
		return nil, err
	}
	return &sealer{w: w, aead: aead, text: make([]byte, 0, chunkSize)}, nil
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// sealer writes the chunks of a file.
type sealer struct {
	w      io.Writer
	aead   cipher.AEAD
	text   []byte // of the chunk that is being filled
	out    []byte
	number int64
	err    error
}

func (s *sealer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && s.err == nil {
		if len(s.text) == chunkSize { // another one follows
			s.flush(false)
			continue
		}
		m := min(chunkSize-len(s.text), len(p))
		s.text = append(s.text, p[:m]...)
		p, n = p[m:], n+m
	}
	return n, s.err
}

func (s *sealer) flush(last bool) {
	s.out = s.aead.Seal(s.out[:0], chunkNonce(s.number, last), s.text, nil)
	s.number++
	clear(s.text)
	s.text = s.text[:0]
	_, s.err = s.w.Write(s.out)
}

// Close writes the last chunk.
func (s *sealer) Close() error {
	if s.err == nil {
		s.flush(true)
		if s.err == nil {
			s.err = io.ErrClosedPipe
			return nil
		}
	}
	return s.err
}

// Unseal gives a reader of what Seal wrote. What it gives is authentic; only at io.EOF is it known to be whole. core.ErrCorrupt, ErrPlain, ErrOther; core.ErrEncrypted
// with a nil Key, which reads plain text.
func (k *Key) Unseal(r io.Reader) (io.Reader, error) {
	head := make([]byte, headSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	key, err := k.readHead(head[:n], kindFile)
	if err != nil {
		return nil, fmt.Errorf("read encrypted text: %w", err)
	}
	if k == nil {
		return io.MultiReader(bytes.NewReader(head[:n]), r), nil
	}
	defer clear(key)
	aead, err := chacha20poly1305.New(key)
	return &unsealer{r: r, aead: aead, sealed: make([]byte, 0, sealedSize+1)}, err
}

// unsealer reads one byte more than a chunk: without one the chunk is the last.
type unsealer struct {
	r      io.Reader
	aead   cipher.AEAD
	sealed []byte
	text   []byte
	buf    []byte
	number int64
	err    error
}

func (u *unsealer) Read(p []byte) (int, error) {
	for len(u.text) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.next()
	}
	n := copy(p, u.text)
	u.text = u.text[n:]
	return n, nil
}

func (u *unsealer) next() {
	have := len(u.sealed)
	n, err := io.ReadFull(u.r, u.sealed[have:sealedSize+1])
	u.sealed = u.sealed[:have+n]
	last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !last {
		u.err = err
		return
	}
	chunk := u.sealed
	if !last {
		chunk = chunk[:sealedSize]
	}
	if u.buf, err = openChunk(u.aead, u.buf, chunk, u.number, last); err != nil {
		u.err = fmt.Errorf("read encrypted text: %w", err)
		return
	}
	u.text = u.buf
	u.number++
	if last {
		u.err = io.EOF
		return
	}
	u.sealed[0] = u.sealed[sealedSize]
	u.sealed = u.sealed[:1]
}

// openChunk decrypts one chunk into buf, which is used again.
func openChunk(aead cipher.AEAD, buf, chunk []byte, number int64, last bool) ([]byte, error) {
	if len(chunk) < aead.Overhead() || len(chunk) == aead.Overhead() && number > 0 {
		return nil, fmt.Errorf("chunk %d is cut: %w", number, core.ErrCorrupt)
	}
	out, err := aead.Open(buf[:0], chunkNonce(number, last), chunk, nil)
	if err != nil {
		return nil, fmt.Errorf("chunk %d: %w", number, core.ErrCorrupt)
	}
	return out, nil
}

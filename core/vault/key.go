package vault

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"

	"kakoi/core"
)

const (
	keySize = 32
	idSize  = 16
)

// Key is an open data key. A nil Key means "not encrypted". Safe for concurrent use; what was opened under a Key goes on after Close.
type Key struct {
	mu     sync.RWMutex
	id     [idSize]byte
	root   [keySize]byte // the data key; zero in a Key that FromFiles made
	files  [keySize]byte // subkey of all files
	closed bool
}

// newKey makes a Key of a vault's id and data key.
func newKey(id [idSize]byte, root []byte) (*Key, error) {
	k := (&Key{id: id}).keep()
	copy(k.root[:], root)
	files, err := hkdf.Key(sha256.New, root, id[:], "kakoi files", keySize)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	copy(k.files[:], files)
	clear(files)
	return k, nil
}

// randomKey makes a vault: a new id and a new data key.
func randomKey() (*Key, error) {
	var id [idSize]byte
	root := make([]byte, keySize)
	defer clear(root)
	// rand.Read never fails: it ends the process where the system has no randomness.
	_, _ = rand.Read(id[:])
	_, _ = rand.Read(root)
	return newKey(id, root)
}

// Derive gives the 32-byte subkey of a purpose (HKDF-SHA256 of the data key), the same each time; nil of a nil Key. It panics after Close: a key of
// zeros would encrypt for everybody.
func (k *Key) Derive(purpose string) []byte {
	if k == nil {
		return nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		panic("vault: a key was derived after its end")
	}
	root := k.root[:]
	if k.root == [keySize]byte{} {
		root = k.files[:]
	}
	out, err := hkdf.Key(sha256.New, root, k.id[:], "kakoi derived "+purpose, keySize)
	if err != nil {
		panic(fmt.Sprintf("vault: derive %s: %v", purpose, err)) // only lengths beyond HKDF's
	}
	return out
}

// Close zeroes the key; the second call does nothing. Methods that make or open files fail with os.ErrClosed from then on.
func (k *Key) Close() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.root[:])
	clear(k.files[:])
	k.closed = true
}

// Files is what another process of ours needs to read and write files, and nothing else: it does not open the library's store. 48 bytes for FromFiles,
// to be sent over a socket between the two and cleared; nil of a nil Key.
func (k *Key) Files() ([]byte, error) {
	if k == nil {
		return nil, nil
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		return nil, fmt.Errorf("key: %w", os.ErrClosed)
	}
	return append(append(make([]byte, 0, idSize+keySize), k.id[:]...), k.files[:]...), nil
}

// FromFiles makes the Key of Files, which reads and writes the same files; its Derive gives other keys. Of no bytes it is nil.
func FromFiles(b []byte) (*Key, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if len(b) != idSize+keySize {
		return nil, fmt.Errorf("key of %d bytes: %w", len(b), core.ErrUsage)
	}
	k := (&Key{}).keep()
	copy(k.id[:], b)
	copy(k.files[:], b[idSize:])
	return k, nil
}

// Same says whether two keys are of one vault; two nil ones are.
func (k *Key) Same(other *Key) bool {
	if k == nil || other == nil {
		return k == nil && other == nil
	}
	return k.id == other.id
}

// fileKey is the key of one file.
func (k *Key) fileKey(kind byte, nonce []byte) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		return nil, fmt.Errorf("key: %w", os.ErrClosed)
	}
	return hkdf.Key(sha256.New, k.files[:], nonce, "file"+string(kind), keySize)
}

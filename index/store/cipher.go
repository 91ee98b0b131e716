package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/pb"
	"google.golang.org/protobuf/proto"

	"kakoi/core"
	"kakoi/core/vault"
)

// Badger encrypts blocks of tables, their indexes and the entries of logs by AES-256 in counter mode, under data keys that lie in the file KEYREGISTRY under the key
// that Open got. That file is as large as a sentence, and without it nothing can be read: it is kept twice.

// registryCopy is the second KEYREGISTRY. Badger does not know it.
const registryCopy = "KEYREGISTRY-COPY"

// rotation is how long Badger uses one data key. It takes a key that is not there for the newest one, and writes plain text from then on, where less time has passed since the
// year 1970: never more than the years between that and oldest.
const rotation = 5 * 365 * 24 * time.Hour

// oldest is the earliest time that a clock may show for an encrypted library.
var oldest = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// plainRegistry is the size of the register of a library that is not encrypted: an IV and Badger's sentence.
const plainRegistry = 16 + len(sanity)

const sanity = "Hello Badger"

// subkey is what Badger gets of the vault's key; nil of none.
func (o Options) subkey() []byte { return o.Key.Derive("library store") }

// ring has the data keys of a library, by number. A nil ring is a library that is not encrypted.
type ring struct{ keys map[uint64]cipher.Block }

// readRing reads the data keys of a library; odd names the register where it must be made anew from the copy. core.ErrEncrypted when key does not
// belong to the library: it is encrypted and there is none, or the other way round.
func readRing(dir string, key []byte) (r *ring, odd []string, err error) {
	first, err1 := os.ReadFile(filepath.Join(dir, badger.KeyRegistryFileName))
	second, err2 := os.ReadFile(filepath.Join(dir, registryCopy))
	for _, err := range []error{err1, err2} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("read register of keys: %w", err)
		}
	}
	if key == nil {
		if err2 == nil || len(first) > plainRegistry {
			return nil, nil, core.Explain(fmt.Errorf("library %s: %w", dir, core.ErrEncrypted), "error.store.locked")
		}
		if err1 == nil && !(len(first) == plainRegistry && string(first[16:]) == sanity) {
			odd = append(odd, badger.KeyRegistryFileName)
		}
		return nil, odd, nil
	}
	r = &ring{keys: map[uint64]cipher.Block{}}
	if err1 != nil && err2 != nil {
		if tables, _ := countTables(dir); tables > 0 {
			odd = append(odd, badger.KeyRegistryFileName)
		}
		return r, odd, nil
	}
	if len(first) == plainRegistry && string(first[16:]) == sanity {
		return nil, nil, core.Explain(fmt.Errorf("library %s is not encrypted: %w", dir, core.ErrEncrypted), "error.store.plain")
	}
	one, whole1, mine1 := parseRegistry(first, key)
	two, whole2, mine2 := parseRegistry(second, key)
	if !mine1 && !mine2 && (whole1 && len(one) > 0 || whole2 && len(two) > 0) {
		return nil, nil, core.Explain(fmt.Errorf("library %s, key of another: %w", dir, core.ErrEncrypted), "error.store.key")
	}
	// What does not begin as it should may yet have sound keys: they are used to look at the library, and the register is made anew.
	maps.Copy(r.keys, two)
	maps.Copy(r.keys, one)
	if !whole1 || !mine1 || len(one) < len(two) {
		odd = append(odd, badger.KeyRegistryFileName)
	}
	return r, odd, nil
}

// parseRegistry reads a register: mine says that its sentence is under this key, whole that every record is under its checksum.
func parseRegistry(text, key []byte) (keys map[uint64]cipher.Block, whole, mine bool) {
	keys = map[uint64]cipher.Block{}
	if len(text) < plainRegistry {
		return keys, false, false
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return keys, false, false
	}
	head := make([]byte, len(sanity))
	cipher.NewCTR(block, text[:16]).XORKeyStream(head, text[16:plainRegistry])
	mine = string(head) == sanity
	for text = text[plainRegistry:]; len(text) > 0; {
		n, ok := lineAt(text)
		var k pb.DataKey
		if !ok || proto.Unmarshal(text[8:8+n], &k) != nil || len(k.Iv) != aes.BlockSize {
			return keys, false, mine
		}
		data := make([]byte, len(k.Data))
		cipher.NewCTR(block, k.Iv).XORKeyStream(data, k.Data)
		if keys[k.KeyId], err = aes.NewCipher(data); err != nil {
			return keys, false, mine
		}
		clear(data)
		text = text[8+n:]
	}
	return keys, true, mine
}

// all are the keys, newest first.
func (r *ring) all() []cipher.Block {
	ids := slices.Sorted(maps.Keys(r.keys))
	slices.Reverse(ids)
	var out []cipher.Block
	for _, id := range ids {
		out = append(out, r.keys[id])
	}
	return out
}

// logCipher is what a log's beginning says: the key's number and a nonce. ok is false where no key has that number; with one key that is the one.
func (r *ring) logCipher(head []byte) (c logCipher, ok bool) {
	if r == nil {
		return c, len(head) < 8 || binary.BigEndian.Uint64(head) == 0
	}
	if len(head) < logHeader {
		return c, true // it holds nothing yet
	}
	if c.block, ok = r.keys[binary.BigEndian.Uint64(head)]; !ok {
		if all := r.all(); len(all) > 0 {
			c.block = all[0]
		}
		ok = len(bytes.Trim(head[:logHeader], "\x00")) == 0 // made, and not begun
	}
	copy(c.nonce[:], head[8:logHeader])
	return c, ok
}

// logCipher decrypts the entries of a log: counter mode, from the log's nonce and the entry's place.
type logCipher struct {
	block cipher.Block // nil: plain
	nonce [12]byte
}

// open decrypts the key and the value of the record at a place of the log.
func (c logCipher) open(r record, at int) record {
	if c.block == nil {
		return r
	}
	iv := binary.BigEndian.AppendUint32(slices.Clone(c.nonce[:]), uint32(at))
	text := make([]byte, len(r.key)+len(r.value))
	stream := cipher.NewCTR(c.block, iv)
	n := len(r.key)
	stream.XORKeyStream(text[:n], r.key)
	stream.XORKeyStream(text[n:], r.value)
	r.key, r.value = text[:n], text[n:]
	return r
}

// openSealed decrypts a block or an index, whose IV stands at its end, into buf.
func openSealed(block cipher.Block, buf, sealed []byte) ([]byte, bool) {
	at := len(sealed) - aes.BlockSize
	if at <= 0 {
		return buf, false
	}
	buf = append(buf[:0], sealed[:at]...)
	cipher.NewCTR(block, sealed[at:]).XORKeyStream(buf, buf)
	return buf, true
}

// keepRegistry writes the copy of the register where it differs: when the library is opened, and when Badger has added a key since, before the write that may be the first
// under it is reported. Badger only ever appends, so the length tells. The caller has the folder's lock.
func (s *Store) keepRegistry() error {
	if s.opt.Key == nil {
		return nil
	}
	path := filepath.Join(s.dir, badger.KeyRegistryFileName)
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("copy register of keys: %w", err)
	}
	if info.Size() == s.keys.Load() {
		return nil
	}
	s.copying.Lock()
	defer s.copying.Unlock()
	first, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("copy register of keys: %w", err)
	}
	// A record that is just being appended is copied at the next write, whole.
	if keys, whole, mine := parseRegistry(first, s.opt.subkey()); !whole || !mine || len(keys) == 0 {
		return nil
	}
	second := filepath.Join(s.dir, registryCopy)
	if have, err := os.ReadFile(second); err != nil || !bytes.Equal(first, have) {
		var plain *vault.Key // it is encrypted itself
		if err := plain.WriteFile(second, first); err != nil {
			return border(fmt.Errorf("copy register of keys: %w", err))
		}
	}
	s.keys.Store(int64(len(first)))
	return nil
}

// encrypts says whether Badger, which was opened with a key, has one to write with. Of a library that was not closed it may take a log away meanwhile: a table holds what was in it.
func encrypts(dir string) error {
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return err
	}
	for _, log := range logs {
		f, err := os.Open(log)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		var number [8]byte
		n, _ := f.Read(number[:])
		_ = f.Close()
		if n == 8 && number == [8]byte{} {
			return fmt.Errorf("log %s is not encrypted: %w", filepath.Base(log), core.ErrUnsupported)
		}
	}
	return nil
}

// checkClock refuses a clock that Badger's keys cannot be trusted under.
func checkClock(now time.Time) error {
	if now.Before(oldest) {
		return core.Explain(fmt.Errorf("the clock says %v: %w", now, core.ErrUnsupported), "error.store.clock")
	}
	return nil
}

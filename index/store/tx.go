package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"kakoi/core"
)

// Reader reads one snapshot of the store. It must not be used after View returns, nor a View be opened inside one.
type Reader struct{ txn *badger.Txn }

// damaged turns what Badger panics with on a damaged block into a DamagedError about what was being read. It is deferred before
// the calls into Badger.
func damaged(what *string, err *error) {
	if r := recover(); r != nil {
		*err = &DamagedError{*what, fmt.Sprintf("block cannot be read: %v", r)}
	}
}

// View runs fn over a snapshot. Erase waits for it. A panic inside is a DamagedError: Badger's on damaged blocks, and that of a
// decoder on what such a block gave.
func (s *Store) View(fn func(r *Reader) error) (err error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	txn := s.db.NewTransaction(false)
	what := "library"
	defer damaged(&what, &err) // an iterator that could not even be closed makes Discard panic
	defer txn.Discard()
	defer damaged(&what, &err)
	return fn(&Reader{txn})
}

// Get gives a copy of one payload: core.ErrNotFound, or a DamagedError.
func (s *Store) Get(key string) (payload []byte, err error) {
	err = s.View(func(r *Reader) error {
		payload, err = r.Get(key)
		return err
	})
	return payload, err
}

// Get gives a copy of one payload: core.ErrNotFound, or a DamagedError.
func (r *Reader) Get(key string) (_ []byte, err error) {
	defer damaged(&key, &err)
	item, err := r.txn.Get([]byte(key))
	if err != nil {
		return nil, border(fmt.Errorf("get %q: %w", key, err))
	}
	var payload []byte
	err = item.Value(func(value []byte) error {
		p, err := unseal(key, value)
		payload = bytes.Clone(p)
		return err
	})
	return payload, border(err)
}

// Each calls fn with every key that has the prefix and is at least from, in order; the payload is valid during the call only.
func (r *Reader) Each(prefix, from string, fn func(key string, payload []byte) error) error {
	return r.scan(prefix, from, func(key string, value []byte) error {
		payload, err := unseal(key, value)
		if err != nil {
			return err
		}
		return fn(key, payload)
	})
}

// scan gives values as they are stored, checksum and all.
func (r *Reader) scan(prefix, from string, fn func(key string, value []byte) error) (err error) {
	at := prefix
	defer damaged(&at, &err)
	o := badger.DefaultIteratorOptions
	o.PrefetchValues = false // values lie beside their keys
	o.Prefix = []byte(prefix)
	it := r.txn.NewIterator(o)
	defer it.Close()
	for it.Seek([]byte(max(prefix, from))); it.Valid(); it.Next() {
		key := string(it.Item().Key())
		at = key
		if err := it.Item().Value(func(value []byte) error { return fn(key, value) }); err != nil {
			return border(err)
		}
	}
	return nil
}

// Keys calls fn with the keys of a prefix, without reading values.
func (r *Reader) Keys(prefix string, fn func(key string) error) (err error) {
	defer damaged(&prefix, &err)
	o := badger.DefaultIteratorOptions
	o.PrefetchValues = false
	o.Prefix = []byte(prefix)
	it := r.txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if err := fn(string(it.Item().Key())); err != nil {
			return err
		}
	}
	return nil
}

// EachLong is Each over the long values (PutLong) of a kind below a prefix that ends before NUMBER or higher up;
// incomplete ones are a DamagedError. The payload belongs to fn.
func (r *Reader) EachLong(prefix, from string, fn func(k Key, payload []byte) error) error {
	return r.eachLong(prefix, from, false, fn)
}

// EachLongShared is EachLong without a copy of each value: the payload is valid during the call only.
func (r *Reader) EachLongShared(prefix, from string, fn func(k Key, payload []byte) error) error {
	return r.eachLong(prefix, from, true, fn)
}

func (r *Reader) eachLong(prefix, from string, shared bool, fn func(k Key, payload []byte) error) error {
	var key Key
	var have []byte
	want := -1 // bytes of the value being put together; -1: none
	finish := func() error {
		if want < 0 {
			return nil
		}
		if len(have) != want {
			return &DamagedError{key.String(), fmt.Sprintf("%d of %d bytes", len(have), want)}
		}
		want = -1
		return fn(key, have)
	}
	err := r.Each(prefix, from, func(text string, payload []byte) error {
		k, err := ParseKey(text)
		if err != nil {
			return err
		}
		if k.Part == 0 {
			if err := finish(); err != nil {
				return err
			}
			n, used := binary.Uvarint(payload)
			if used <= 0 || n > 1<<40 {
				return &DamagedError{text, "no length"}
			}
			key, want = k, int(n)
			if shared && want == len(payload)-used {
				have, want = nil, -1
				return fn(key, payload[used:])
			}
			have = append(make([]byte, 0, min(want, 64*MaxPayload)), payload[used:]...)
			return nil
		}
		next := key
		next.Part++
		if want < 0 || k != next {
			return &DamagedError{text, "part without the one before it"}
		}
		key = next
		have = append(have, payload...)
		return nil
	})
	if err != nil {
		return err
	}
	return finish()
}

// GetLong reads one long value; k.Part is ignored.
func (r *Reader) GetLong(k Key) ([]byte, error) {
	var out []byte
	found := false
	prefix := GenerationPrefix(k.Kind, k.Collection, k.Document, k.Generation) + hex32(k.Number) + "/"
	err := r.EachLong(prefix, "", func(_ Key, payload []byte) error {
		out, found = payload, true
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("get %q: %w", k.String(), core.ErrNotFound)
	}
	return out, err
}

// Writer is one atomic transaction, or, from Bulk, as many as it takes.
type Writer struct {
	set    func(key, value []byte) error
	delete func(key []byte) error
	bytes  int64
}

// Put stores a payload of at most MaxPayload bytes.
func (w *Writer) Put(key string, payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("put %q, %d bytes: %w", key, len(payload), core.ErrTooLarge)
	}
	w.bytes += int64(len(key) + len(payload))
	return w.set([]byte(key), seal(key, payload))
}

// raw stores a value that is sealed already.
func (w *Writer) raw(key string, value []byte) error {
	w.bytes += int64(len(key) + len(value))
	return w.set([]byte(key), value)
}

// PutLong stores a payload of any length under k and its parts.
func (w *Writer) PutLong(k Key, payload []byte) error {
	for i, part := range cut(payload) {
		k.Part = uint32(i)
		if err := w.Put(k.String(), part); err != nil {
			return err
		}
	}
	return nil
}

// Delete hides a key; its bytes stay in the files until a compaction, so nothing private may rely on it (Erase does).
func (w *Writer) Delete(key string) error { return w.delete([]byte(key)) }

// Write runs fn as one atomic transaction, on disk when it returns. At most about 1.2 MB.
func (s *Store) Write(fn func(w *Writer) error) error {
	return s.write(func() error {
		txn := s.db.NewTransaction(true)
		defer txn.Discard()
		if err := fn(&Writer{set: txn.Set, delete: txn.Delete}); err != nil {
			return err
		}
		return txn.Commit()
	})
}

// Bulk runs fn as a series of transactions of bounded size, on disk when it returns; after an error or a crash
// any first part of them may be there.
func (s *Store) Bulk(fn func(w *Writer) error) error {
	return s.write(func() error {
		batch := s.db.NewWriteBatch()
		defer batch.Cancel()
		w := &Writer{delete: batch.Delete}
		var checked int64
		w.set = func(key, value []byte) error {
			if w.bytes-checked > 8<<20 {
				checked = w.bytes
				if err := s.room(s.opt.Reserve); err != nil {
					return err
				}
			}
			return batch.Set(key, value)
		}
		if err := fn(w); err != nil {
			return err
		}
		return batch.Flush()
	})
}

func (s *Store) write(fn func() error) error {
	if err := s.grow(); err != nil {
		return err
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	if err := s.room(s.opt.Reserve); err != nil {
		return err
	}
	s.written.Store(true)
	if err := fn(); err != nil {
		return border(fmt.Errorf("write library: %w", err))
	}
	if err := errors.Join(s.syncNames(), s.keepRegistry()); err != nil {
		return border(fmt.Errorf("write library: %w", err))
	}
	return nil
}

// syncNames makes the folder itself outlast a power loss when files have come or gone in it. Badger syncs what it writes to a new log, not the log's name
// (nor that of a table of a log that it flushed): file systems that order what they do to names need nothing more, POSIX promises it only so.
func (s *Store) syncNames() error {
	var st unix.Stat_t
	if err := unix.Stat(s.dir, &st); err != nil {
		return err
	}
	changed := time.Unix(st.Mtim.Unix())
	if s.named.Load() == changed.UnixNano() {
		return nil
	}
	if err := syncPath(s.dir); err != nil {
		return err
	}
	// The clock of file times moves every few milliseconds: within one step of it names come and go unseen.
	if time.Since(changed) > 100*time.Millisecond {
		s.named.Store(changed.UnixNano())
	}
	return nil
}

// Erase drops everything under the prefixes so that no file of the folder holds its bytes any more. It runs alone:
// readers and writers wait, about 0.1 s.
func (s *Store) Erase(prefixes ...string) (err error) {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	what := strings.Join(prefixes, " ")
	defer damaged(&what, &err)
	if err := s.room(min(s.opt.Reserve, 64<<20)); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	raw := make([][]byte, len(prefixes))
	for i, p := range prefixes {
		raw[i] = []byte(p)
	}
	if err := s.soundBefore(raw); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	if err := s.db.DropPrefix(raw...); err != nil {
		return border(fmt.Errorf("erase: %w", err))
	}
	// DropPrefix only logs a level 0 compaction that failed, so look: older versions included.
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	for _, p := range raw {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues, o.AllVersions, o.Prefix = false, true, p
		it := txn.NewIterator(o)
		it.Rewind()
		left := it.Valid()
		it.Close()
		if left {
			return fmt.Errorf("erase %q: keys are left: %w", p, core.ErrCorrupt)
		}
	}
	return nil
}

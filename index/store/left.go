package store

import (
	"os"

	"github.com/dgraph-io/badger/v4"
)

// Left counts the keys under a prefix whose values the store's tables still hold, earlier versions of a key included.
func (s *Store) Left(prefix string) (n int, err error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return 0, os.ErrClosed
	}
	defer damaged(&prefix, &err)
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	o := badger.DefaultIteratorOptions
	o.PrefetchValues, o.AllVersions, o.Prefix = false, true, []byte(prefix)
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		if !it.Item().IsDeletedOrExpired() {
			n++
		}
	}
	return n, nil
}

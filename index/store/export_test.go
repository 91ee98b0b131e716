package store

import "github.com/dgraph-io/badger/v4"

// Raw writes a value as it is, without a checksum of its own.
func Raw(s *Store, key string, value []byte) error {
	return s.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte(key), value) })
}

// Sealed is what Put stores.
func Sealed(key string, payload []byte) []byte { return seal(key, payload) }

// SoundBefore is what Erase and Close ask first.
func (s *Store) SoundBefore() error {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.sound = nil
	return s.soundBefore([][]byte{[]byte("r/")})
}

// TableSize is how large tables are made.
func (o Options) TableSize(bytes int64) int64 { return o.tableSize(bytes) }

// MostMapped is the limit where the system has none near, OtherFiles what of it is left to the rest of the program.
const MostMapped, OtherFiles = mostMapped, otherFiles

// CheckClock, Encrypts, Oldest and Rotation keep Badger from writing plain text.
var (
	CheckClock = checkClock
	Encrypts   = encrypts
	Oldest     = oldest
)

// Rotation is how long a data key is used.
const Rotation = rotation

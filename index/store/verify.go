package store

import (
	"context"
	"errors"
	"fmt"
	"os"

	"kakoi/core"
)

// Verify reads every table's block checksums and every value's own; fn gets the sound ones and damage what is not,
// by key ("" where no key can be told). The error is ctx's or fn's.
func (s *Store) Verify(ctx context.Context, fn func(key string, payload []byte) error, damage func(key string, err error)) error {
	if err := s.verifyTables(); errors.Is(err, os.ErrClosed) {
		return err
	} else if err != nil {
		damage("", err)
	}
	return s.View(func(r *Reader) (err error) {
		defer func() { // Badger's iterators assert on damaged blocks
			if p := recover(); p != nil {
				damage("", fmt.Errorf("read tables: %v: %w", p, core.ErrCorrupt))
			}
		}()
		return r.scan("", "", func(key string, value []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			payload, err := unseal(key, value)
			if err != nil {
				damage(key, err)
				return nil
			}
			return fn(key, payload)
		})
	})
}

func (s *Store) verifyTables() (err error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	defer func() { // v4.9.6 dereferences the block it could not read
		if p := recover(); p != nil {
			err = fmt.Errorf("table with a damaged block: %w", core.ErrCorrupt)
		}
	}()
	if err := s.db.VerifyChecksum(); err != nil {
		return fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	return nil
}

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
	var own error // ctx's or fn's
	err := s.View(func(r *Reader) error {
		return r.scan("", "", func(key string, value []byte) error {
			if own = ctx.Err(); own != nil {
				return own
			}
			payload, err := unseal(key, value)
			if err != nil {
				damage(key, err)
				return nil
			}
			own = fn(key, payload)
			return own
		})
	})
	var block *DamagedError
	if own == nil && errors.As(err, &block) { // the tables behind it stay unread
		damage(block.Key, err)
		return nil
	}
	return err
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

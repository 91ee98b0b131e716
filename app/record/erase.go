package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Erase removes a conversation with all its bytes. It is gone from the lists at once; what a crash interrupts is finished by
// Sweep.
func (b Book) Erase(ctx context.Context, conversation string) error {
	if err := b.Store.PutRecord(ctx, goneKind, conversation, []byte(conversation)); err != nil {
		return fmt.Errorf("erase conversation %s: %w", conversation, err)
	}
	keys := [][2]string{{headKind, conversation}, {turnKind + conversation, ""}, {givenKind + conversation, ""}}
	if err := b.Store.EraseRecords(ctx, keys...); err != nil {
		return fmt.Errorf("erase conversation %s: %w", conversation, err)
	}
	if err := b.Store.DeleteRecord(ctx, goneKind, conversation); err != nil {
		return fmt.Errorf("erase conversation %s: %w", conversation, err)
	}
	return nil
}

// Sweep finishes what a crash left half erased.
func (b Book) Sweep(ctx context.Context) error {
	ids, err := b.Store.RecordIDs(ctx, goneKind)
	if err != nil {
		return fmt.Errorf("look for half erased conversations: %w", err)
	}
	for _, id := range ids {
		if err := b.Erase(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Corrections are all, newest first.
func (b Book) Corrections(ctx context.Context) ([]Correction, []Damage, error) {
	var all []Correction
	damaged, err := each(ctx, b, correctionKind, func(_ string, k Correction) { all = append(all, k) })
	if err != nil {
		return nil, nil, fmt.Errorf("list corrections: %w", err)
	}
	slices.SortFunc(all, func(a, b Correction) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.ID, b.ID)) })
	return all, damaged, nil
}

// Correction is one of them: core.ErrNotFound.
func (b Book) Correction(ctx context.Context, id string) (Correction, error) {
	return get[Correction](ctx, b, correctionKind, id)
}

// PutCorrection writes one.
func (b Book) PutCorrection(ctx context.Context, k Correction) error {
	return put(ctx, b, correctionKind, k.ID, k)
}

// EraseCorrections removes corrections with all their bytes.
func (b Book) EraseCorrections(ctx context.Context, ids ...string) error {
	keys := make([][2]string, len(ids))
	for i, id := range ids {
		keys[i] = [2]string{correctionKind, id}
	}
	if len(keys) == 0 {
		return nil
	}
	if err := b.Store.EraseRecords(ctx, keys...); err != nil {
		return fmt.Errorf("erase corrections: %w", err)
	}
	return nil
}

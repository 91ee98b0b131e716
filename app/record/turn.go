package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// stored is a Turn without its answers, which are records of their own.
type stored struct {
	Turn
	Answers struct{} `json:"answers,omitzero"` // hides those of Turn
}

// Turns are all turns of a conversation with their answers, oldest first.
func (b Book) Turns(ctx context.Context, conversation string) ([]Turn, []Damage, error) {
	byID := map[string]*Turn{}
	damaged, err := each(ctx, b, turnKind+conversation, func(id string, s stored) {
		t := s.Turn
		t.Answers = nil
		byID[id] = &t
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read turns: %w", err)
	}
	more, err := each(ctx, b, givenKind+conversation, func(id string, g Given) {
		turn, _, _ := strings.Cut(id, ".")
		if t := byID[turn]; t != nil {
			t.Answers = append(t.Answers, g)
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read answers: %w", err)
	}
	turns := make([]Turn, 0, len(byID))
	for _, t := range byID {
		slices.SortFunc(t.Answers, order)
		turns = append(turns, *t)
	}
	slices.SortFunc(turns, func(a, b Turn) int { return cmp.Or(a.Asked.Compare(b.Asked), cmp.Compare(a.ID, b.ID)) })
	return turns, append(damaged, more...), nil
}

func order(a, b Given) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) }

// Turn is one turn with its answers: core.ErrNotFound.
func (b Book) Turn(ctx context.Context, conversation, id string) (Turn, error) {
	s, err := get[stored](ctx, b, turnKind+conversation, id)
	if err != nil {
		return Turn{}, err
	}
	t := s.Turn
	t.Answers = nil
	ids, err := b.Store.RecordIDs(ctx, givenKind+conversation)
	if err != nil {
		return t, fmt.Errorf("list answers: %w", err)
	}
	for _, given := range ids {
		if turn, _, _ := strings.Cut(given, "."); turn != id {
			continue
		}
		g, err := get[Given](ctx, b, givenKind+conversation, given)
		if err != nil {
			continue // reported by Turns
		}
		t.Answers = append(t.Answers, g)
	}
	slices.SortFunc(t.Answers, order)
	return t, nil
}

// PutTurn writes a turn; its answers are left as they are.
func (b Book) PutTurn(ctx context.Context, t Turn) error {
	return put(ctx, b, turnKind+t.Conversation, t.ID, stored{Turn: t})
}

// PutGiven writes one answer of a turn.
func (b Book) PutGiven(ctx context.Context, conversation, turn string, g Given) error {
	return put(ctx, b, givenKind+conversation, turn+"."+g.ID, g)
}

package train

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"kakoi/core"
)

// example is a row as tokens. The tokens from from on are predicted from those before them and count in the loss.
type example struct {
	ids  []int32
	from int // at least 1
}

// counted is the number of tokens in the loss.
func (e example) counted() int { return max(0, len(e.ids)-e.from) }

// encoder is what examples need of a tokenizer.
type encoder interface {
	Encode(text string) []int32
	End() int32 // -1: none
}

// sorted says what became of rows.
type sorted struct {
	examples          []example
	tooLong, noLabels int
	longest           int // tokens, of all rows that have labels
}

// encode makes examples of rows, in their order, on some threads. With the loss on all tokens the whole text is one text, as
// the published recipe has it; with the loss on the answer the prompt's tokens are those of a chat, whatever follows it.
func encode(ctx context.Context, tok encoder, rows []core.TrainRow, on core.LossOn, limit, threads int) (sorted, error) {
	all := make([]example, len(rows))
	threads = min(max(threads, 1), max(1, len(rows)))
	var wait sync.WaitGroup
	for t := range threads {
		wait.Go(func() {
			for i := t; i < len(rows); i += threads {
				if ctx.Err() != nil {
					return
				}
				all[i] = encodeRow(tok, rows[i], on)
			}
		})
	}
	wait.Wait()
	var s sorted
	for i, e := range all {
		switch {
		case rows[i].Labels == "" || e.counted() == 0:
			s.noLabels++
			continue
		case len(e.ids) > limit:
			s.tooLong++
		default:
			s.examples = append(s.examples, e)
		}
		s.longest = max(s.longest, len(e.ids))
	}
	return s, ctx.Err()
}

func encodeRow(tok encoder, r core.TrainRow, on core.LossOn) example {
	e := example{from: 1}
	if on == core.LossAnswer {
		e.ids = slices.Clone(tok.Encode(r.Inputs))
		e.from = max(1, len(e.ids))
		e.ids = append(e.ids, tok.Encode(r.Labels)...)
	} else {
		e.ids = slices.Clone(tok.Encode(r.Inputs + r.Labels))
	}
	if end := tok.End(); end >= 0 {
		e.ids = append(e.ids, end)
	}
	return e
}

// usable refuses what there is nothing to learn from.
func (s sorted) usable(rows, limit int) error {
	switch {
	case rows == 0:
		return core.Explain(fmt.Errorf("training without rows: %w", core.ErrEmpty), "error.train.rows.empty")
	case len(s.examples) >= 2:
		return nil
	case s.tooLong > 0:
		return core.Explain(fmt.Errorf("training: %d of %d rows are longer than %d tokens: %w", s.tooLong, rows, limit, core.ErrTooLarge), "error.train.rows.long", s.tooLong, rows, limit, s.longest)
	case s.noLabels > 0:
		return core.Explain(fmt.Errorf("training: %d of %d rows have no labels: %w", s.noLabels, rows, core.ErrEmpty), "error.train.rows.labels", s.noLabels, rows)
	}
	return core.Explain(fmt.Errorf("training on one row: %w", core.ErrUsage), "error.train.rows.one")
}

// tokens of all examples.
func (s sorted) tokens() int64 {
	var n int64
	for _, e := range s.examples {
		n += int64(len(e.ids))
	}
	return n
}

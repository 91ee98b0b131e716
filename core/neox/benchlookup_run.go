//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kakoi/core"
)

// BenchLookup answers the first question of each pair greedily, plainly and with prompt lookup, and compares speed and
// answers; then the second one, plainly and after the first. One answer of each kind comes before, unmeasured.
func BenchLookup(ctx context.Context, dir string, opt LoadOptions, pairs []AskedTwice) (l LookupResult, r ReuseResult, err error) {
	if len(pairs) == 0 {
		return l, r, fmt.Errorf("bench lookup without prompts: %w", core.ErrUsage)
	}
	opt.Lookup = "on"
	g, err := Load(ctx, dir, opt, nil)
	if err != nil {
		return l, r, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	for _, plain := range []bool{true, false} {
		if _, err := g.one(ctx, pairs[0].First, plain); err != nil {
			return l, r, err
		}
	}
	if l, err = g.benchLookup(ctx, pairs); err != nil {
		return l, r, err
	}
	r, err = g.benchReuse(ctx, pairs)
	return l, r, err
}

func (g *Generator) one(ctx context.Context, q core.GenerateRequest, plain bool) (core.Reply, error) {
	q.Plain = plain
	replies, err := g.Generate(ctx, []core.GenerateRequest{q}, nil)
	if err != nil {
		return core.Reply{}, err
	}
	return replies[0], nil
}

func (g *Generator) benchLookup(ctx context.Context, pairs []AskedTwice) (LookupResult, error) {
	r := LookupResult{Name: "lookup", Device: g.info.Device, DType: g.info.DType, Prompts: len(pairs)}
	plainSeconds, lookupSeconds, steps := 0.0, 0.0, 0
	var speedups []float64
	for i, q := range pairs {
		var replies [2]core.Reply
		for k := range 2 { // in turns, so that neither always goes first
			which := (i + k) % 2
			var err error
			if replies[which], err = g.one(ctx, q.First, which == 0); err != nil {
				return r, err
			}
		}
		plain, lookup := replies[0], replies[1]
		r.Tokens += plain.NewTokens
		r.PromptTokens += plain.PromptTokens
		r.Guessed += lookup.GuessedTokens
		r.Right += lookup.RightTokens
		if sameAnswer(plain, lookup) {
			r.Identical++
		}
		steps += lookup.NewTokens - lookup.RightTokens
		plainSeconds += plain.DecodeSeconds
		lookupSeconds += lookup.DecodeSeconds
		if lookup.DecodeSeconds > 0 {
			speedups = append(speedups, plain.DecodeSeconds/lookup.DecodeSeconds)
		}
	}
	r.PlainPerSec, r.LookupPerSec = float64(r.Tokens)/plainSeconds, float64(r.Tokens)/lookupSeconds
	r.Speedup = plainSeconds / lookupSeconds
	r.TokensPerStep = float64(r.Tokens) / float64(max(1, steps))
	r.MedianSpeedup = middle(speedups)
	return r, nil
}

func (g *Generator) benchReuse(ctx context.Context, pairs []AskedTwice) (ReuseResult, error) {
	r := ReuseResult{Name: "second question", Device: g.info.Device, DType: g.info.DType, Prompts: len(pairs)}
	var plain, reuse []float64
	for _, q := range pairs {
		without, err := g.one(ctx, q.Second, true)
		if err != nil {
			return r, err
		}
		g.loop.release() // nothing but the first question is there when the second one comes
		if _, err := g.one(ctx, q.First, false); err != nil {
			return r, err
		}
		with, err := g.one(ctx, q.Second, false)
		if err != nil {
			return r, err
		}
		plain, reuse = append(plain, 1e3*without.PrefillSeconds), append(reuse, 1e3*with.PrefillSeconds)
		r.PromptTokens += with.PromptTokens
		r.Reused += with.ReusedTokens
		if sameAnswer(without, with) {
			r.Identical++
		}
	}
	r.PlainMillis, r.ReuseMillis = middle(plain), middle(reuse)
	return r, nil
}

func sameAnswer(a, b core.Reply) bool {
	return a.Text == b.Text && a.NewTokens == b.NewTokens && a.Stop == b.Stop
}

// middle is the median, 0 of nothing.
func middle(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kakoi/core"
)

// BenchLookup answers each request greedily, plainly and with prompt lookup, and compares speed and answers. One answer
// of each kind comes before, unmeasured.
func BenchLookup(ctx context.Context, dir string, opt LoadOptions, reqs []core.GenerateRequest) (_ LookupResult, err error) {
	if len(reqs) == 0 {
		return LookupResult{}, fmt.Errorf("bench lookup without prompts: %w", core.ErrUsage)
	}
	opt.Lookup = "on"
	g, err := Load(ctx, dir, opt, nil)
	if err != nil {
		return LookupResult{}, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	one := func(q core.GenerateRequest, plain bool) (core.Reply, error) {
		q.Plain = plain
		replies, err := g.Generate(ctx, []core.GenerateRequest{q}, nil)
		if err != nil {
			return core.Reply{}, err
		}
		return replies[0], nil
	}
	for _, plain := range []bool{true, false} {
		if _, err := one(reqs[0], plain); err != nil {
			return LookupResult{}, err
		}
	}
	r := LookupResult{Name: "lookup", Device: g.info.Device, DType: g.info.DType, Prompts: len(reqs)}
	plainSeconds, lookupSeconds, steps := 0.0, 0.0, 0
	var speedups []float64
	for i, q := range reqs {
		var replies [2]core.Reply
		for k := range 2 { // in turns, so that neither always goes first
			plain := (i+k)%2 == 0
			reply, err := one(q, plain)
			if err != nil {
				return r, err
			}
			if plain {
				replies[0] = reply
			} else {
				replies[1] = reply
			}
		}
		plain, lookup := replies[0], replies[1]
		r.Tokens += plain.NewTokens
		r.PromptTokens += plain.PromptTokens
		r.Guessed += lookup.GuessedTokens
		r.Right += lookup.RightTokens
		if plain.Text == lookup.Text && plain.NewTokens == lookup.NewTokens && plain.Stop == lookup.Stop {
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
	slices.Sort(speedups)
	if len(speedups) > 0 {
		r.MedianSpeedup = speedups[len(speedups)/2]
	}
	return r, nil
}

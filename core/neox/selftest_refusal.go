//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"math"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

// refusals holds the probability of a refusal of five tokens behind a prompt against the tiny model in plain Go, and
// sees that the bound decides on either side of it. It returns the largest error relative to the probability.
func refusals(ctx context.Context, dev *device.Device) (worst float64, err error) {
	c := tinyShape(true)
	src := newMemorySource(c)
	run, err := newRunner(ctx, dev, c, storage{dtype: torch.Float32}, src, nil)
	if err != nil {
		return math.NaN(), err
	}
	g := newGenerator(c, dev, run, letters{c.VocabSize}, nil)
	defer func() { err = errors.Join(err, g.Close()) }()
	const prompt, text = "the refusal of a self-test", "kakoi"
	before, said := g.tok.Encode(prompt), g.tok.Encode(text)
	want := 1.0
	for i, row := range referenceForward(c, src.values, append(append([]int32{}, before...), said...)) {
		if at := i + 1 - len(before); at >= 0 && at < len(said) {
			want *= refSoftmax(row)[said[at]]
		}
	}
	for _, bound := range []float64{want / 2, want * 2} {
		q := core.Refusal{Text: text, Common: text[:len(text)-1], Decide: true, Bound: bound}
		replies, err := g.Generate(ctx, []core.GenerateRequest{{Prompt: prompt, Refusal: &q, Sampling: core.Sampling{MaxNewTokens: 4}}}, nil)
		if err != nil {
			return math.NaN(), err
		}
		s := replies[0].Refusal
		if s == nil || s.Tokens != len(said) || s.Refused != (want > bound) || s.Refused != (replies[0].Text == text) {
			return math.NaN(), fmt.Errorf("a refusal of probability %g with the bound %g: %+v, %q: %w", want, bound, s, replies[0].Text, core.ErrCorrupt)
		}
		worst = max(worst, math.Abs(s.Probability-want)/want)
	}
	return worst, nil
}

package train

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kakoi/core"
	"kakoi/core/lora"
)

// bad is an error about one setting.
func bad(name string, value any) error {
	text := fmt.Sprint(value)
	return core.Explain(fmt.Errorf("training: %s %s: %w", name, text, core.ErrUsage), "error.train.setting", name, text)
}

// Validate says whether the settings make sense for a model of this shape: core.ErrUsage with a sentence otherwise. Words that
// were left empty get their usual meaning.
func Validate(s core.TrainSettings, layers, hidden, ffn int) (core.TrainSettings, error) {
	for _, x := range []struct {
		to        *string
		otherwise string
	}{
		{(*string)(&s.LossOn), string(core.LossAll)}, {&s.Schedule, "linear"}, {&s.Optimizer, "adamw"}, {&s.Compute, "auto"}, {&s.Recompute, "auto"},
	} {
		if *x.to == "" {
			*x.to = x.otherwise
		}
	}
	if s.Targets == nil {
		s.Targets = []string{"query_key_value"}
	}
	s.Accumulate = max(s.Accumulate, 1)
	for _, x := range []struct {
		name    string
		value   string
		allowed []string
	}{
		{"loss_on", string(s.LossOn), []string{string(core.LossAll), string(core.LossAnswer)}},
		{"schedule", s.Schedule, []string{"linear", "cosine", "constant"}},
		{"optimizer", s.Optimizer, []string{"adamw", "adamw_8bit", "paged_adamw_8bit"}},
		{"compute", s.Compute, []string{"auto", "bf16", "fp16", "fp32"}},
		{"recompute", s.Recompute, []string{"auto", "none", "gelu", "layer"}},
	} {
		if !slices.Contains(x.allowed, x.value) {
			return s, bad(x.name, strconv.Quote(x.value))
		}
	}
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for _, x := range []struct {
		name  string
		value float64
		ok    bool
	}{
		{"alpha", s.Alpha, s.Alpha > 0}, {"dropout", s.Dropout, s.Dropout >= 0 && s.Dropout < 1},
		{"epochs", s.Epochs, s.Epochs > 0 && s.Epochs <= 1e5}, {"learning_rate", s.LearningRate, s.LearningRate > 0 && s.LearningRate <= 10},
		{"beta1", s.Beta1, s.Beta1 >= 0 && s.Beta1 < 1}, {"beta2", s.Beta2, s.Beta2 >= 0 && s.Beta2 < 1},
		{"epsilon", s.Epsilon, s.Epsilon >= 0}, {"weight_decay", s.WeightDecay, s.WeightDecay >= 0}, {"clip_norm", s.ClipNorm, s.ClipNorm >= 0},
		{"batch", float64(s.Batch), s.Batch >= 1 || s.TokenBudget > 0}, {"accumulate", float64(s.Accumulate), s.Accumulate <= 1<<20},
		{"token_budget", float64(s.TokenBudget), s.TokenBudget >= 0}, {"max_tokens", float64(s.MaxTokens), s.MaxTokens >= 2},
		{"warmup_steps", float64(s.WarmupSteps), s.WarmupSteps >= 0}, {"eval_steps", float64(s.EvalSteps), s.EvalSteps >= 0},
		{"keep", float64(s.Keep), s.Keep >= 0}, {"patience", float64(s.Patience), s.Patience >= 0}, {"workers", float64(s.Workers), s.Workers >= 0},
	} {
		if !x.ok || !finite(x.value) {
			return s, bad(x.name, x.value)
		}
	}
	s.Batch = max(s.Batch, 1)
	_, err := targetsOf(s, layers, hidden, ffn)
	return s, err
}

// place is a matrix that the adapter changes.
type place struct {
	layer, which  int // lora.Names[which]
	rank, in, out int
}

// targetsOf lists the matrices, layer by layer in the order of lora.Names. A target names the last part of a matrix's name, or
// more of it, as in PEFT.
func targetsOf(s core.TrainSettings, layers, hidden, ffn int) ([]place, error) {
	shapes := lora.ModelOf(layers, hidden, ffn).Shapes
	matches := func(pattern, module string) bool { return module == pattern || strings.HasSuffix(module, "."+pattern) }
	for _, t := range s.Targets {
		if !slices.ContainsFunc(lora.Names, func(name string) bool { return matches(t, "gpt_neox.layers.0."+name) }) {
			known := "query_key_value, dense, dense_h_to_4h, dense_4h_to_h"
			return nil, core.Explain(fmt.Errorf("training: target %q: %w", t, core.ErrUsage), "error.train.target", t, known)
		}
	}
	ranks, err := lora.ParsePattern(s.RankPattern)
	if err != nil {
		return nil, bad("rank_pattern", err)
	}
	var out []place
	for layer := range layers {
		for which, name := range lora.Names {
			module := fmt.Sprintf("gpt_neox.layers.%d.%s", layer, name)
			if !slices.ContainsFunc(s.Targets, func(t string) bool { return matches(t, module) }) {
				continue
			}
			p := place{layer: layer, which: which, in: shapes[name].In, out: shapes[name].Out, rank: ranks.Of(module, s.Rank)}
			if p.rank == 0 && s.Rank > 0 {
				continue
			}
			if most := min(lora.MaxRank, p.in, p.out); p.rank < 1 || p.rank > most {
				return nil, core.Explain(fmt.Errorf("training: rank %d for %s [%d, %d]: %w", p.rank, module, p.out, p.in, core.ErrUsage), "error.train.rank", p.rank, most)
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, core.Explain(fmt.Errorf("training: no matrix to adapt: %w", core.ErrUsage), "error.train.target", strings.Join(s.Targets, ", "), "query_key_value, dense, dense_h_to_4h, dense_4h_to_h")
	}
	return out, nil
}

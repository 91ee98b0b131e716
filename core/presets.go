package core

import (
	"fmt"
	"strconv"
)

// TechLab is the preset "TECH Lab": the settings of CCCMK Holdings TECH Lab's published recipe ("Retrieval Augmented Generation with
// Hugging Face models, part 2: training", 2023). What the recipe leaves to the Hugging Face trainer has that trainer's default
// (betas, epsilon, clipping at 1). It computed in fp16 with loss scaling; "auto" is bf16 where the device has it.
func TechLab() TrainSettings {
	return TrainSettings{
		Preset: "techlab",
		Rank:   8, Alpha: 32, Dropout: 0.05, Targets: []string{"query_key_value"},
		Epochs: 200, Batch: 12, Accumulate: 64, MaxTokens: 1024, LossOn: LossAll,
		LearningRate: 2e-4, Schedule: "linear", WarmupSteps: 100,
		Optimizer: "paged_adamw_8bit", Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 1,
		Compute: "auto", Recompute: "layer", Keep: 0, Best: true, Workers: 6, Seed: 42,
	}
}

// Recommended is our own preset: the loss counts the answer only, a step is four rows, and the whole schedule is run. Its result is the last
// weights: the loss of the rows held back is least long before the answers are best, and those rows are the exam's. The values were found by
// trying on the starter model (docs/decisions).
func Recommended() TrainSettings {
	return TrainSettings{
		Preset: "recommended",
		Rank:   16, Alpha: 32, Dropout: 0.1, Targets: []string{"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
		Epochs: 6, Batch: 4, Accumulate: 1, MaxTokens: 1024, LossOn: LossAnswer,
		LearningRate: 5e-4, Schedule: "cosine", WarmupSteps: 10,
		Optimizer: "adamw_8bit", Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 1,
		Compute: "auto", Recompute: "auto", Keep: 2, Workers: 2, Seed: 42,
	}
}

// Report is the line that PEFT prints (print_trainable_parameters), with the share as Python writes it.
func (p TrainPlan) Report() string {
	share := 0.0
	if p.All > 0 {
		share = 100 * float64(p.Trainable) / float64(p.All)
	}
	text := strconv.FormatFloat(share, 'f', -1, 64)
	return fmt.Sprintf("trainable params: %s || all params: %s || trainable%%: %s", grouped(p.Trainable), grouped(p.All), text)
}

// grouped writes n with a comma between every three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

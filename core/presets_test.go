package core_test

import (
	"reflect"
	"testing"

	"kakoi/core"
)

// TestTechLabIsTheRecipe: every value of the published recipe.
func TestTechLabIsTheRecipe(t *testing.T) {
	got := core.TechLab()
	want := core.TrainSettings{
		Preset: "techlab", Rank: 8, Alpha: 32, Dropout: 0.05, Targets: []string{"query_key_value"}, Epochs: 200, Batch: 12,
		Accumulate: 64, MaxTokens: 1024, LossOn: core.LossAll, LearningRate: 0.0002, Schedule: "linear", WarmupSteps: 100,
		Optimizer: "paged_adamw_8bit", Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 1, Compute: "auto", Recompute: "layer",
		Best: true, Workers: 6, Seed: 42,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestReportLine(t *testing.T) {
	got := core.TrainPlan{Trainable: 3244032, All: 2086515200}.Report()
	if got != "trainable params: 3,244,032 || all params: 2,086,515,200 || trainable%: 0.15547607800796276" {
		t.Error(got)
	}
	if got := (core.TrainPlan{Trainable: 100, All: 100}).Report(); got != "trainable params: 100 || all params: 100 || trainable%: 100" {
		t.Error(got)
	}
}

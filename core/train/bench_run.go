package train

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"kakoi/core"
)

// RunResult is one figure of whole runs: through the same Trainer as a person's, checkpoints included.
type RunResult struct {
	Name      string `json:"name"` // "the recipe's run", "chat during training", "full card", "fp32"
	Device    string `json:"device"`
	DType     string `json:"dtype"`
	Compute   string `json:"compute,omitempty"`
	Recompute string `json:"recompute,omitempty"`
	Rows      int    `json:"rows,omitempty"`
	Held      int    `json:"held,omitempty"`
	Tokens    int64  `json:"tokens,omitempty"` // of an epoch
	Steps     int    `json:"steps,omitempty"`  // of the whole run

	// Of the recipe's run: what was measured, and the whole that follows from it.
	Epochs            int     `json:"epochs,omitempty"`          // of the whole run
	Measured          int     `json:"epochs_measured,omitempty"` // after one to warm up
	SetupSeconds      float64 `json:"setup_seconds,omitempty"`   // until the end of the first epoch, less one epoch
	EpochSeconds      float64 `json:"epoch_seconds,omitempty"`   // mean, with its evaluation and its checkpoint
	EvaluationSeconds float64 `json:"evaluation_seconds,omitempty"`
	CheckpointSeconds float64 `json:"checkpoint_seconds,omitempty"`
	PerSecond         float64 `json:"tokens_per_second,omitempty"` // of the steps
	Minutes           float64 `json:"minutes,omitempty"`           // setup + Epochs * EpochSeconds
	PlannedMinutes    float64 `json:"minutes_planned,omitempty"`   // by the plan before the run

	// Of chat during training.
	Answers            int     `json:"answers,omitempty"` // that came while it ran
	AnswerSeconds      float64 `json:"answer_seconds,omitempty"`
	AnswerSecondsAlone float64 `json:"answer_seconds_alone,omitempty"`
	TrainSeconds       float64 `json:"train_seconds,omitempty"`
	TrainSecondsAlone  float64 `json:"train_seconds_alone,omitempty"`
	Weights            int64   `json:"weights_bytes,omitempty"`
	MemoryTraining     int64   `json:"memory_training_alone,omitempty"` // of the device, whatever it is for, at most
	MemoryChat         int64   `json:"memory_chat_alone,omitempty"`
	MemoryTogether     int64   `json:"memory_together,omitempty"`

	Peak    int64   `json:"peak_bytes,omitempty"`
	Planned int64   `json:"planned_bytes,omitempty"`
	Checks  []Check `json:"checks,omitempty"`
	Note    string  `json:"note,omitempty"`
}

// Check is something that a figure has to show.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

func (r *RunResult) check(name string, ok bool, format string, args ...any) {
	r.Checks = append(r.Checks, Check{name, ok, fmt.Sprintf(format, args...)})
}

// failed is core.ErrCorrupt with the checks that were not met; nil: all were.
func (r *RunResult) failed() error {
	var names []string
	for _, c := range r.Checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return core.Explain(fmt.Errorf("bench train: %s: not met: %q: %w", r.Name, names, core.ErrCorrupt), "error.engine.selftest", len(names))
}

// madeRows are rows of so many characters each, of words made of letters.
func madeRows(lengths []int, seed uint64) []core.TrainRow {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([]core.TrainRow, len(lengths))
	for i, n := range lengths {
		text := make([]byte, max(2, n))
		for k := range text {
			text[k] = "etaoinshrdlu    "[r.IntN(16)]
		}
		at := len(text) * 3 / 4
		out[i] = core.TrainRow{ID: fmt.Sprint(i), Inputs: string(text[:at]), Labels: string(text[at:])}
	}
	return out
}

// sumOf is the hash of an adapter's weights.
func sumOf(adapter string) (string, error) {
	b, err := os.ReadFile(filepath.Join(adapter, "adapter_model.safetensors"))
	if err != nil {
		return "", err
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8]), nil
}

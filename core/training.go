package core

import "context"

// LossOn says which tokens of a Row the loss counts.
type LossOn string

const (
	LossAll    LossOn = "all"    // every token, as the published recipe does
	LossAnswer LossOn = "answer" // those of the answer and its end token
)

// TrainSettings are the settings of a Run. Words and defaults are those of PEFT and of the Hugging Face trainer.
type TrainSettings struct {
	Preset string `json:"preset"` // "techlab", "recommended", "own"

	Rank    int      `json:"rank"`
	Alpha   float64  `json:"alpha"`
	Dropout float64  `json:"dropout"`
	Targets []string `json:"targets"` // names of the last part of a matrix: "query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"

	// RankPattern is PEFT's rank_pattern: ranks of matrices whose names (or their last parts, or an expression) it has; 0: the matrix is left alone.
	RankPattern map[string]int `json:"rank_pattern,omitempty"`

	Epochs       float64 `json:"epochs"`
	Batch        int     `json:"batch"`        // rows of a micro-batch
	Accumulate   int     `json:"accumulate"`   // micro-batches of a step
	TokenBudget  int     `json:"token_budget"` // > 0: a micro-batch is filled up to so many tokens instead of Batch rows
	Packing      bool    `json:"packing"`      // rows stand one after the other in a sequence, each with attention and positions of its own; nothing is padded
	MaxTokens    int     `json:"max_tokens"`   // of a row; longer ones are left out and counted
	LossOn       LossOn  `json:"loss_on"`
	LearningRate float64 `json:"learning_rate"`
	Schedule     string  `json:"schedule"` // "linear", "cosine", "constant"
	WarmupSteps  int     `json:"warmup_steps"`

	Optimizer   string  `json:"optimizer"` // "adamw", "adamw_8bit", "paged_adamw_8bit"
	Beta1       float64 `json:"beta1"`
	Beta2       float64 `json:"beta2"`
	Epsilon     float64 `json:"epsilon"`
	WeightDecay float64 `json:"weight_decay"`
	ClipNorm    float64 `json:"clip_norm"` // 0: off

	Compute   string `json:"compute"`   // "auto", "bf16", "fp16" (with loss scaling), "fp32"
	Recompute string `json:"recompute"` // "auto" (as the memory plan says), "none", "gelu", "layer"

	EvalSteps int  `json:"eval_steps"` // steps between evaluations, each with a checkpoint; 0: after each epoch
	Keep      int  `json:"keep"`       // checkpoints kept beside the best; 0: all
	Best      bool `json:"best"`       // the best checkpoint's weights are the result; else the last one's
	Patience  int  `json:"patience"`   // evaluations without a better loss before the run stops; 0: never

	Workers int    `json:"workers"` // threads that prepare rows
	Seed    uint64 `json:"seed"`    // of the first weights, the order of rows and dropout
}

// TrainRow is one example as the trainer takes it.
type TrainRow struct {
	ID     string `json:"id"`
	Inputs string `json:"inputs"`
	Labels string `json:"labels"`
}

// TrainRequest is a Run to begin or to go on with.
type TrainRequest struct {
	Dir      string     // folder of the run: checkpoints, the result's adapter. Exists and is writable
	Rows     []TrainRow // to learn from
	Held     []TrainRow // for validation; may be empty: then there is no best
	Settings TrainSettings
	Resume   bool              // go on from the last checkpoint in Dir; rows and settings must be the same (core.ErrUsage otherwise)
	Lineage  map[string]string // goes into the adapter's folder as it is (lineage.json)
}

// TrainPlan is what a Run will need and do, known before it starts.
type TrainPlan struct {
	Trainable int64 `json:"trainable"` // weights of the adapter
	All       int64 `json:"all"`       // numbers stored for the whole model with it: a 4-bit weight counts its packed bytes, as PEFT's report does

	Rows      int   `json:"rows"`       // used
	TooLong   int   `json:"too_long"`   // left out: longer than MaxTokens
	NoLabels  int   `json:"no_labels"`  // left out: nothing to learn from
	Held      int   `json:"held"`       // used
	Tokens    int64 `json:"tokens"`     // of one epoch, padding not counted
	Steps     int   `json:"steps"`      // of the whole run
	EpochStep int   `json:"epoch_step"` // steps of an epoch

	Compute    string   `json:"compute"`   // what "auto" became
	Recompute  string   `json:"recompute"` // what "auto" became
	Batch      int      `json:"batch"`
	Accumulate int      `json:"accumulate"`
	Adapted    []string `json:"adapted,omitempty"` // keys of what was changed to fit: "batch", "recompute", "paged"

	Bytes   []TrainBytes `json:"bytes"`   // the memory plan, part by part
	Free    int64        `json:"free"`    // of the device; -1: unknown
	Seconds float64      `json:"seconds"` // estimate of the whole run; 0: not known before the first steps

	SecondsFrom SecondsFrom `json:"seconds_from,omitempty"`
}

// SecondsFrom says what a TrainPlan's estimate of time follows from.
type SecondsFrom string

const (
	SecondsComputed SecondsFrom = "computed" // the device's matrix rate, measured when it was planned
	SecondsMeasured SecondsFrom = "measured" // the tokens a second of an earlier run of this model on this machine
)

// TrainBytes is one part of a TrainPlan's memory.
type TrainBytes struct {
	Part  string `json:"part"` // "weights", "adapter", "optimizer", "activations", "logits", "buffers"
	Bytes int64  `json:"bytes"`
	Host  bool   `json:"host,omitempty"` // in the host's memory, also where the model is on a card
}

// TrainEventKind says what a TrainEvent tells.
type TrainEventKind string

const (
	TrainPlanned    TrainEventKind = "plan"       // Plan; the first event
	TrainStepped    TrainEventKind = "step"       // an optimiser step was done
	TrainEvaluated  TrainEventKind = "eval"       // HeldLoss is of the rows held back
	TrainCheckpoint TrainEventKind = "checkpoint" // Step is safe on disk
	TrainWarned     TrainEventKind = "warn"       // Note is a translation key: "blowup", "early", ...
	TrainWorking    TrainEventKind = "working"    // a step is on its way: sent now and then where one takes long; nothing else has changed
)

// TrainEvent is one report of a Run.
type TrainEvent struct {
	Kind     TrainEventKind `json:"kind"`
	Plan     *TrainPlan     `json:"plan,omitempty"`
	Step     int            `json:"step"`  // optimiser steps done
	Steps    int            `json:"steps"` // of the whole run
	Epoch    float64        `json:"epoch"`
	Loss     float64        `json:"loss,omitempty"`      // mean over the step's counted tokens
	HeldLoss float64        `json:"held_loss,omitempty"` // mean over the held rows' counted tokens
	Best     bool           `json:"best,omitempty"`      // of an evaluation: the best so far
	Rate     float64        `json:"rate,omitempty"`      // learning rate of the step
	Norm     float64        `json:"norm,omitempty"`      // of the gradient before clipping
	Tokens   float64        `json:"tokens_second,omitempty"`
	Left     float64        `json:"left,omitempty"` // seconds, estimated
	Peak     int64          `json:"peak,omitempty"` // bytes of the device's memory, measured
	Note     string         `json:"note,omitempty"`
}

// TrainEnd says why a Run ended.
type TrainEnd string

const (
	TrainDone    TrainEnd = "done"    // all steps
	TrainEarly   TrainEnd = "early"   // no better loss for Patience evaluations
	TrainBlowup  TrainEnd = "blowup"  // a loss was no number or grew out of bounds: the last good checkpoint is the result
	TrainStopped TrainEnd = "stopped" // paused or cancelled after a whole step, which was saved: Resume goes on
)

// TrainResult is a finished or stopped Run.
type TrainResult struct {
	End      TrainEnd `json:"end"`
	Step     int      `json:"step"`
	Steps    int      `json:"steps"`
	BestStep int      `json:"best_step"` // step whose weights the adapter has
	BestLoss float64  `json:"best_loss"` // of the held rows
	Adapter  string   `json:"adapter"`   // folder in PEFT's layout, below Dir; empty when stopped before any checkpoint
	Seconds  float64  `json:"seconds"`
	Peak     int64    `json:"peak"` // bytes, measured
}

// Trainer trains adapters beside a Generator, on its frozen weights; the Generator goes on answering between
// micro-batches. The end of ctx finishes the step, saves it and returns a TrainStopped result with ctx's error.
type Trainer interface {
	PlanTraining(ctx context.Context, req TrainRequest) (TrainPlan, error)
	Train(ctx context.Context, req TrainRequest, emit func(TrainEvent) error) (TrainResult, error)
}

//go:build torch

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"kakoi/core"
	"kakoi/core/engine/server"
	"kakoi/core/neox"
	"kakoi/core/weights"
)

// memorySetting is one place of the grid over which the memory plan is held against measurements.
type memorySetting struct {
	Shape    string `json:"shape"`
	FourBit  bool   `json:"four_bit"` // loaded from the 4-bit form
	DType    string `json:"dtype"`
	Context  int    `json:"context"`
	Batch    int    `json:"batch"`
	Adapters int    `json:"adapters"`
}

// memoryShapes are small to medium: a grid of large ones would take hours on two cores.
var memoryShapes = map[string]weights.Shape{
	"flat": {Model: "gpt_neox", Layers: 12, Hidden: 512, Heads: 8, FFN: 2048, Vocab: 20480, MaxTokens: 2048, DType: weights.F16, RotaryPct: 1, Tied: true},
	"wide": {Model: "gpt_neox", Layers: 4, Hidden: 1536, Heads: 12, FFN: 6144, Vocab: 32768, MaxTokens: 2048, DType: weights.BF16, RotaryPct: 0.25, Parallel: true},
	"deep": {Model: "gpt_neox", Layers: 24, Hidden: 1024, Heads: 16, FFN: 4096, Vocab: 32768, MaxTokens: 2048, DType: weights.F16, RotaryPct: 1},
}

// memoryGrid is 30 settings.
func memoryGrid() []memorySetting {
	var all []memorySetting
	for _, shape := range []string{"flat", "wide", "deep"} {
		for _, x := range []memorySetting{
			{DType: "fp32", Context: 256, Batch: 1}, {DType: "fp32", Context: 2048, Batch: 1}, {DType: "fp32", Context: 512, Batch: 4, Adapters: 2}, {DType: "fp32", Context: 1024, Batch: 1, FourBit: true},
			{DType: "bf16", Context: 512, Batch: 1}, {DType: "bf16", Context: 1024, Batch: 2, Adapters: 1},
			{DType: "nf4", Context: 256, Batch: 1}, {DType: "nf4", Context: 2048, Batch: 1, FourBit: true}, {DType: "nf4", Context: 1024, Batch: 4, Adapters: 2, FourBit: true}, {DType: "nf4", Context: 512, Batch: 8, FourBit: true},
		} {
			x.Shape = shape
			all = append(all, x)
		}
	}
	return all
}

// benchMemory runs every setting of the grid in a process of its own. With o.Setting it is such a process.
func benchMemory(ctx context.Context, o server.BenchOptions, emit func(any) error) error {
	if o.Setting != "" {
		var x memorySetting
		if err := json.Unmarshal([]byte(o.Setting), &x); err != nil {
			return fmt.Errorf("bench memory: setting: %w: %w", core.ErrUsage, err)
		}
		r, err := neox.MeasureMemory(ctx, o.Model, neox.LoadOptions{Device: o.Device, DType: x.DType, Threads: threads(o.Threads)},
			neox.PlanRequest{Context: x.Context, Batch: x.Batch, Adapters: x.Adapters})
		if err != nil {
			return err
		}
		r.Name = "memory"
		return emit(r)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench memory: %w", err)
	}
	dir, err := os.MkdirTemp("", "kakoi-memory-*")
	if err != nil {
		return fmt.Errorf("bench memory: %w", err)
	}
	defer os.RemoveAll(dir)
	made := map[string]bool{}
	worst := 0.0
	for _, x := range memoryGrid() {
		folder := filepath.Join(dir, x.Shape)
		if !made[x.Shape] {
			made[x.Shape] = true
			if err := weights.Generate(ctx, folder, weights.GenerateParams{Shape: memoryShapes[x.Shape], Layout: weights.Single}, nil); err != nil {
				return fmt.Errorf("bench memory: %w", err)
			}
			if err := weights.Quantize(ctx, folder, folder+"-4bit", nil); err != nil {
				return fmt.Errorf("bench memory: %w", err)
			}
		}
		if x.FourBit {
			folder += "-4bit"
		}
		r, err := measured(ctx, self, folder, o, x)
		if err != nil {
			return fmt.Errorf("bench memory: %+v: %w", x, err)
		}
		if err := emit(r); err != nil {
			return err
		}
		worst = max(worst, r.Ratio-1, 1-r.Ratio)
	}
	return emit(map[string]any{"name": "memory-worst", "settings": len(memoryGrid()), "largest_difference": worst})
}

// measured runs one setting.
func measured(ctx context.Context, self, folder string, o server.BenchOptions, x memorySetting) (r neox.MemoryResult, err error) {
	setting, err := json.Marshal(x)
	if err != nil {
		return r, err
	}
	c := exec.CommandContext(ctx, self, "bench", "memory", "--model", folder, "--device", o.Device, "--threads", strconv.Itoa(o.Threads), "--setting", string(setting))
	var out, failed bytes.Buffer
	c.Stdout, c.Stderr = &out, &failed
	if err := c.Run(); err != nil {
		return r, errors.Join(err, errors.New(failed.String()))
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, fmt.Errorf("answer %q: %w", out.String(), err)
	}
	return r, nil
}

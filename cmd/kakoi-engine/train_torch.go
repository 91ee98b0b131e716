//go:build torch

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"kakoi/core"
	"kakoi/core/engine/server"
	"kakoi/core/neox"
	"kakoi/core/train"
)

// trainRequest runs a training request (core.TrainRequest as JSON) in this process and prints its events, one JSON object a line: for
// comparisons with other programs (core/train/testdata/steps.py).
func trainRequest(ctx context.Context, args []string) (err error) {
	fs := flags("train")
	var load neox.LoadOptions
	var model, request string
	fs.StringVar(&model, "model", "", "")
	fs.StringVar(&request, "request", "", "")
	fs.StringVar(&load.Device, "device", "auto", "")
	fs.StringVar(&load.DType, "dtype", "auto", "")
	fs.IntVar(&load.Threads, "threads", 0, "")
	if err := parse(fs, args); err != nil {
		return err
	}
	raw, err := os.ReadFile(request)
	if err != nil {
		return fmt.Errorf("train: %w: %w", core.ErrUsage, err)
	}
	var req core.TrainRequest
	if err := json.Unmarshal(raw, &req); err != nil {
		return fmt.Errorf("train: %q is no request: %w: %w", request, core.ErrUsage, err)
	}
	load.Threads = threads(load.Threads)
	g, err := neox.Load(ctx, model, load, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	out := json.NewEncoder(os.Stdout)
	res, err := train.New(g).Train(ctx, req, func(e core.TrainEvent) error {
		if e.Kind == core.TrainWorking {
			return nil
		}
		return out.Encode(e)
	})
	return errors.Join(err, out.Encode(res))
}

// benchTrain measures training steps over a shape.
func benchTrain(ctx context.Context, o server.BenchOptions, figure func(any) error) error {
	opt := train.BenchOptions{
		Shape: neox.RinnaShape, Model: o.Model, Load: neox.LoadOptions{Device: o.Device, DType: o.DType, Threads: threads(o.Threads)}, Sequence: o.Tokens, Batch: o.Batch,
		Rank: o.LoRA, Steps: o.Rounds, Profile: o.Profile,
	}
	if o.Setting != "" {
		opt.Figures = strings.Split(o.Setting, ",")
	}
	return train.Bench(ctx, opt, figure)
}

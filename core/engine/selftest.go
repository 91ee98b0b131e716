package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	pb "kakoi/core/engine/enginepb"
)

// Selftest runs the engine's checks on device ("" for its own choice) and hands each result over as it comes. A failed
// check is a result, not an error; an error of emit stops the rest.
func (c *Client) Selftest(ctx context.Context, device string, emit func(Check) error) error {
	eng, err := c.engine(ctx)
	if err != nil {
		return fmt.Errorf("self-test: %w", err)
	}
	named, done := c.call(ctx, eng)
	defer done()
	stream, err := eng.pb.Selftest(named, &pb.SelftestRequest{Device: device})
	if err == nil {
		err = receive(stream, func(ev *pb.SelftestEvent) error {
			return emit(Check{Name: ev.Name, OK: ev.Ok, Detail: ev.Detail, Seconds: ev.Seconds})
		})
	}
	return ended("self-test", eng, ctx, err)
}

// Bench measures kind ("decode", "prefill", "embed", ...) with options as JSON, and hands each figure over as a JSON
// object; package server says which options and figures there are.
func (c *Client) Bench(ctx context.Context, kind string, options json.RawMessage, emit func(json.RawMessage) error) error {
	eng, err := c.engine(ctx)
	if err != nil {
		return fmt.Errorf("bench %s: %w", kind, err)
	}
	named, done := c.call(ctx, eng)
	defer done()
	stream, err := eng.pb.Bench(named, &pb.BenchRequest{Kind: kind, OptionsJson: options})
	if err == nil {
		err = receive(stream, func(ev *pb.BenchEvent) error { return emit(ev.FiguresJson) })
	}
	return ended("bench "+kind, eng, ctx, err)
}

func ended(what string, eng *process, ctx context.Context, err error) error {
	var stop *stopped
	if errors.As(err, &stop) {
		return stop.err
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, eng.fail(ctx, err))
	}
	return nil
}

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"kakoi/core"
	pb "kakoi/core/engine/enginepb"
)

// rowBytes is about how much of the rows one message carries.
const rowBytes = 4 << 20

var _ core.Trainer = (*generator)(nil)

// PlanTraining sends the rows to the engine and has it plan the Run, without training anything.
func (g *generator) PlanTraining(ctx context.Context, req core.TrainRequest) (core.TrainPlan, error) {
	var p core.TrainPlan
	eng, handle, err := g.in(ctx, nil)
	if err != nil {
		return p, fmt.Errorf("plan a training of %q: %w", g.name(), err)
	}
	named, done := g.c.call(ctx, eng)
	defer done()
	stream, err := eng.pb.PlanTraining(named)
	var reply *pb.PlanReply
	if err == nil {
		// A Send that fails because the engine has answered already says only io.EOF: the answer says why.
		sendErr := sendTraining(handle, req, stream.Send)
		if reply, err = stream.CloseAndRecv(); err == nil {
			err = sendErr
		}
	}
	if err != nil {
		return p, g.doing("plan a training", eng, ctx, err)
	}
	if err := json.Unmarshal(reply.PlanJson, &p); err != nil {
		return p, fmt.Errorf("read plan of a training of %q: %w: %w", g.name(), core.ErrCorrupt, err)
	}
	return p, nil
}

// Train trains in the engine. The end of ctx, and an error of emit, ask the engine to finish the step and to save it; the result of that
// comes back beside the error. An engine that does not come to it in time is ended (error.engine.hung); the last checkpoint is on disk.
func (g *generator) Train(ctx context.Context, req core.TrainRequest, emit func(core.TrainEvent) error) (core.TrainResult, error) {
	var result core.TrainResult
	eng, handle, err := g.in(ctx, nil)
	if err != nil {
		return result, fmt.Errorf("train with %q: %w", g.name(), err)
	}
	// ctx must not end the stream: the result comes over it after the stop.
	free := context.WithoutCancel(ctx)
	named, done := g.c.call(free, eng)
	defer done()
	stream, err := eng.pb.Train(named)
	if err != nil {
		return result, g.doing("train", eng, free, err)
	}
	stop := &stopper{eng: eng, hang: g.c.params.HangTimeout, send: func() error {
		return stream.Send(&pb.TrainCommand{Command: &pb.TrainCommand_Stop{Stop: &pb.TrainStop{}}})
	}}
	defer stop.end()
	if err := sendTraining(handle, req, stream.Send); err == nil { // else Recv says why
		_ = stream.Send(&pb.TrainCommand{Command: &pb.TrainCommand_Start{Start: &pb.TrainStart{}}})
	}
	defer context.AfterFunc(ctx, stop.now)()
	var refused error // by emit
	finished := false
	err = receive(stream, func(r *pb.TrainReport) error {
		stop.heard()
		switch x := r.Report.(type) {
		case *pb.TrainReport_EventJson:
			var ev core.TrainEvent
			if err := json.Unmarshal(x.EventJson, &ev); err != nil {
				return fmt.Errorf("read event of a training: %w: %w", core.ErrCorrupt, err)
			}
			if ev.Kind == core.TrainWorking {
				return nil // it lives: stop.heard has noted that
			}
			if emit != nil && refused == nil {
				if refused = emit(ev); refused != nil {
					stop.now()
				}
			}
		case *pb.TrainReport_ResultJson:
			if err := json.Unmarshal(x.ResultJson, &result); err != nil {
				return fmt.Errorf("read result of a training: %w: %w", core.ErrCorrupt, err)
			}
			finished = true
		}
		return nil
	})
	var own *stopped
	switch {
	case refused != nil:
		return result, refused
	case errors.As(err, &own):
		return result, own.err
	case err != nil:
		err = g.doing("train", eng, free, err)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return result, ctx.Err() // it stopped as it was told
		}
		return result, err
	case !finished:
		return result, fmt.Errorf("train with %q: no result came: %w", g.name(), core.ErrEngine)
	}
	return result, nil
}

// sendTraining sends what is to be trained, in portions.
func sendTraining(handle uint64, req core.TrainRequest, send func(*pb.TrainCommand) error) error {
	settings, err := json.Marshal(req.Settings)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	lineage, err := json.Marshal(req.Lineage)
	if err != nil {
		return fmt.Errorf("encode lineage: %w", err)
	}
	err = send(&pb.TrainCommand{Command: &pb.TrainCommand_Open{Open: &pb.TrainOpen{
		Handle: handle, Dir: []byte(req.Dir), SettingsJson: settings, LineageJson: lineage, Resume: req.Resume,
	}}})
	for _, part := range []struct {
		rows []core.TrainRow
		held bool
	}{{req.Rows, false}, {req.Held, true}} {
		rows := part.rows
		for err == nil && len(rows) > 0 {
			portion, size := &pb.TrainRows{Held: part.held}, 0
			for len(rows) > 0 && (size == 0 || size+len(rows[0].Inputs)+len(rows[0].Labels) <= rowBytes) {
				r := rows[0]
				portion.Rows = append(portion.Rows, &pb.TrainRow{Id: []byte(r.ID), Inputs: []byte(r.Inputs), Labels: []byte(r.Labels)})
				size += len(r.ID) + len(r.Inputs) + len(r.Labels) + 16
				rows = rows[1:]
			}
			err = send(&pb.TrainCommand{Command: &pb.TrainCommand_Rows{Rows: portion}})
		}
	}
	return err
}

// stopper tells the engine to stop, once, and ends it when it falls silent for longer than it ever did. A step may take long: the trainer
// reports in the middle of it.
type stopper struct {
	eng  *process
	hang time.Duration
	send func() error

	mu      sync.Mutex
	last    time.Time
	longest time.Duration // between two reports
	timer   *time.Timer   // set by now
	ended   bool
}

// firstPatience is how many times the hang timeout the first report may take: rows are made ready before it.
const firstPatience = 10

func (s *stopper) heard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.last.IsZero() {
		s.longest = max(s.longest, now.Sub(s.last))
	}
	s.last = now
	if s.timer != nil && !s.ended {
		s.timer.Reset(s.patience()) // what still works is not hung, however long a step takes
	}
}

// patience is how long an engine that was told to stop may be silent.
func (s *stopper) patience() time.Duration {
	if s.longest > 0 {
		return s.hang + 4*s.longest
	}
	return firstPatience * s.hang
}

func (s *stopper) now() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil || s.ended {
		return
	}
	s.timer = time.AfterFunc(s.patience(), func() { s.eng.kill("hung") })
	_ = s.send() // a stream that is broken ends by itself
}

func (s *stopper) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.timer != nil {
		s.timer.Stop()
	}
}

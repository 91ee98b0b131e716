package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"google.golang.org/grpc"

	"kakoi/core"
	pb "kakoi/core/engine/enginepb"
)

func (s *Server) PlanTraining(in grpc.ClientStreamingServer[pb.TrainCommand, pb.PlanReply]) error {
	t, req, leave, err := s.training(in.Recv)
	if err != nil {
		return err
	}
	defer leave()
	plan, err := t.PlanTraining(in.Context(), req)
	if err != nil {
		return err
	}
	b, err := json.Marshal(plan)
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	return in.SendAndClose(&pb.PlanReply{PlanJson: b})
}

func (s *Server) Train(in grpc.BidiStreamingServer[pb.TrainCommand, pb.TrainReport]) error {
	t, req, leave, err := s.training(in.Recv)
	if err != nil {
		return err
	}
	defer leave()
	ctx, stop := context.WithCancel(in.Context())
	defer stop()
	go func() { // ends with the call
		for {
			c, err := in.Recv()
			if err != nil {
				return
			}
			if c.GetStop() != nil {
				stop()
			}
		}
	}()
	var mu sync.Mutex
	send := func(r *pb.TrainReport) error {
		mu.Lock()
		defer mu.Unlock()
		return in.Send(r)
	}
	result, err := t.Train(ctx, req, func(ev core.TrainEvent) error {
		b, err := json.Marshal(finite(ev))
		if err != nil {
			return fmt.Errorf("encode event: %w", err)
		}
		return send(&pb.TrainReport{Report: &pb.TrainReport_EventJson{EventJson: b}})
	})
	zeroUnlessFinite(&result.BestLoss, &result.Seconds)
	b, merr := json.Marshal(result)
	if merr != nil {
		return errors.Join(err, fmt.Errorf("encode result: %w", merr))
	}
	if serr := send(&pb.TrainReport{Report: &pb.TrainReport_ResultJson{ResultJson: b}}); err == nil {
		err = serr
	}
	return err
}

// training reads a request up to its start, or to the end of what the client sends, and finds its trainer. leave has to be called when
// it is not needed any more.
func (s *Server) training(recv func() (*pb.TrainCommand, error)) (t core.Trainer, req core.TrainRequest, leave func(), err error) {
	var e *entry
	fail := func(err error) (core.Trainer, core.TrainRequest, func(), error) {
		if e != nil {
			e.leave()
		}
		return nil, core.TrainRequest{}, nil, err
	}
	for {
		c, err := recv()
		if errors.Is(err, io.EOF) || err == nil && c.GetStart() != nil {
			break
		}
		if err != nil {
			return fail(err)
		}
		switch x := c.Command.(type) {
		case *pb.TrainCommand_Open:
			if e != nil {
				return fail(fmt.Errorf("train: opened twice: %w", core.ErrUsage))
			}
			if e, err = s.use(x.Open.Handle, "generator"); err != nil {
				return fail(err)
			}
			req.Dir, req.Resume = string(x.Open.Dir), x.Open.Resume
			if err := errors.Join(json.Unmarshal(x.Open.SettingsJson, &req.Settings), json.Unmarshal(x.Open.LineageJson, &req.Lineage)); err != nil {
				return fail(fmt.Errorf("train: settings: %w: %w", core.ErrUsage, err))
			}
		case *pb.TrainCommand_Rows:
			for _, r := range x.Rows.Rows {
				row := core.TrainRow{ID: string(r.Id), Inputs: string(r.Inputs), Labels: string(r.Labels)}
				if x.Rows.Held {
					req.Held = append(req.Held, row)
				} else {
					req.Rows = append(req.Rows, row)
				}
			}
		case *pb.TrainCommand_Stop:
			return fail(context.Canceled)
		}
	}
	if e == nil {
		return fail(fmt.Errorf("train without a model: %w", core.ErrUsage))
	}
	if s.load.Trainer == nil {
		return fail(fmt.Errorf("train: %w", core.ErrUnsupported))
	}
	if t, err = s.load.Trainer(e.gen); err != nil {
		return fail(err)
	}
	return t, req, e.leave, nil
}

// finite has 0 where an event has what is no number: JSON knows none.
func finite(ev core.TrainEvent) core.TrainEvent {
	zeroUnlessFinite(&ev.Epoch, &ev.Loss, &ev.HeldLoss, &ev.Rate, &ev.Norm, &ev.Tokens, &ev.Left)
	return ev
}

func zeroUnlessFinite(values ...*float64) {
	for _, v := range values {
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			*v = 0
		}
	}
}

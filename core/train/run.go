//go:build torch

package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// run is a training on its way.
type run struct {
	*Trainer
	*prepared
	emit  func(core.TrainEvent) error
	began time.Time

	net       *net
	memory    *meter
	at        progress
	masters   []float32 // the net's, as grads
	grads     []float32
	opt       *adamw
	epoch     int     // whose micro-batches batches are; -1: none
	batches   [][]int // of examples
	timed     []int   // steps of checkpoints that only time asked for
	saved     time.Time
	told      time.Time // the last event
	savedStep int       // of the last checkpoint
	unsaved   bool      // a checkpoint could not be written; it is tried again after the next step
	before    float64   // seconds worked before this call
	here      int       // tokens of this call
	took      time.Duration
	steps     int // of this call
}

// saveEvery is how long a run works without a checkpoint.
var saveEvery = 10 * time.Minute

// lasting is ctx without its end: a step that has begun is finished.
func lasting(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// whole opens what the run needs, runs it and closes everything again.
func (r *run) whole(ctx context.Context) (res core.TrainResult, err error) {
	base, err := r.g.Frozen(ctx, r.dtype)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	if r.memory, err = newMeter(ctx, r.g); err != nil {
		return res, err
	}
	defer r.memory.close()
	if r.net, err = newNet(ctx, base, r.params, r.set.Alpha, r.set.Dropout, r.set.Seed, r.keep, r.chunk); err != nil {
		return res, err
	}
	defer r.net.close()
	if !r.own {
		r.net.fast = nil
	}
	r.net.alive = r.alive
	if err := r.begin(); err != nil {
		return res, err
	}
	if err := r.tell(core.TrainEvent{Kind: core.TrainPlanned, Plan: &r.plan}); err != nil {
		return res, err
	}
	if r.damaged {
		if err := r.tell(core.TrainEvent{Kind: core.TrainWarned, Note: "train.warn.damaged"}); err != nil {
			return res, err
		}
	}
	if r.reformed {
		if err := r.tell(core.TrainEvent{Kind: core.TrainWarned, Note: "train.warn.form"}); err != nil {
			return res, err
		}
	}
	if r.without {
		if err := r.tell(core.TrainEvent{Kind: core.TrainWarned, Note: "train.warn.kernels"}); err != nil {
			return res, err
		}
	}
	if r.set.Best && len(r.held.examples) == 0 {
		if err := r.tell(core.TrainEvent{Kind: core.TrainWarned, Note: "train.warn.held"}); err != nil {
			return res, err
		}
	}
	end, err := r.loop(ctx)
	if err != nil {
		r.emit = func(core.TrainEvent) error { return nil }
		_ = r.stop() // what was learnt is worth keeping; the error that counts is the first
		return core.TrainResult{Step: r.at.Step, Steps: r.plan.Steps}, err
	}
	return r.finish(ctx, end)
}

// begin sets the run up anew or from its checkpoint.
func (r *run) begin() error {
	r.opt = newAdamW(r.set, r.params.parts)
	r.masters, r.grads = r.net.masters, r.net.gradients
	r.epoch, r.saved, r.savedStep = -1, time.Now(), -1
	if err := sweep(r.req.Dir); err != nil {
		return err
	}
	if r.from == nil {
		steps, err := checkpointSteps(r.req.Dir)
		if err != nil {
			return err
		}
		if len(steps) > 0 {
			return core.Explain(fmt.Errorf("%q holds checkpoints: %w", r.req.Dir, core.ErrUsage), "error.train.begun")
		}
		copy(r.masters, r.params.first(r.set.Seed))
		r.at = progress{
			Base: r.g.Info().ID, Form: r.g.Info().DType, Settings: r.req.Settings, Rows: hashRows(r.req.Rows, r.req.Held), Fill: r.fill, Accumulate: r.accumulate,
			Recompute: r.keep, Compute: r.plan.Compute, Chunk: r.chunk, Own: r.own, Scaler: newScaler(r.dtype == torch.Float16),
		}
		return nil
	}
	r.at = *r.from
	r.at.Form, r.at.Own, r.at.Chunk = r.g.Info().DType, r.own, r.chunk
	if err := restore(r.body, r.masters, r.opt); err != nil {
		return err
	}
	r.opt.step, r.before, r.body = r.at.Updates, r.at.Seconds, nil
	r.savedStep = r.at.Step
	if r.at.Timed {
		r.timed = append(r.timed, r.at.Step)
	}
	return nil
}

// workingEvery is how long a run says nothing before it says that it works.
const workingEvery = 2 * time.Second

// alive tells that a step is on its way, where nothing was told for a while.
func (r *run) alive() {
	if time.Since(r.told) > workingEvery {
		_ = r.tell(core.TrainEvent{Kind: core.TrainWorking}) // whoever does not listen any more says so to the next event
	}
}

// tell sends an event with what every event says.
func (r *run) tell(e core.TrainEvent) error {
	r.told = time.Now()
	e.Step, e.Steps, e.Epoch = r.at.Step, r.plan.Steps, r.inEpochs()
	return r.emit(e)
}

// inEpochs is how many epochs are done.
func (r *run) inEpochs() float64 {
	left := r.at.Step
	for i, n := range r.epochs {
		if left < n {
			return float64(i) + float64(left)/float64(n)
		}
		left -= n
	}
	return float64(len(r.epochs))
}

// loop runs steps, evaluations and checkpoints until the run ends or ctx does.
func (r *run) loop(ctx context.Context) (core.TrainEnd, error) {
	if err := r.net.load(ctx); err != nil {
		return "", err
	}
	for {
		if r.at.Due {
			if ctx.Err() != nil {
				return core.TrainStopped, r.stop()
			}
			if err := r.evaluate(lasting(ctx)); err != nil {
				return "", err
			}
			if err := r.save(false); err != nil {
				return "", err
			}
		}
		switch {
		case r.at.Early:
			return core.TrainEarly, r.must()
		case r.at.Step >= r.plan.Steps:
			return core.TrainDone, r.must()
		case ctx.Err() != nil:
			return core.TrainStopped, r.stop()
		}
		lost, err := r.step(lasting(ctx))
		if err != nil {
			return "", err
		}
		if lost {
			return core.TrainBlowup, r.tell(core.TrainEvent{Kind: core.TrainWarned, Note: "train.warn.blowup"})
		}
		if !r.at.Due && (r.unsaved || time.Since(r.saved) > saveEvery) {
			if err := r.save(true); err != nil {
				return "", err
			}
		}
	}
}

// must tries once more to write a checkpoint that found no space.
func (r *run) must() error {
	if !r.unsaved {
		return nil
	}
	return r.write(r.at)
}

// stop makes what was done since the last checkpoint safe.
func (r *run) stop() error {
	if r.steps == 0 || r.savedStep == r.at.Step {
		return nil
	}
	at := r.at
	at.Timed = true
	return r.write(at)
}

// next are the micro-batches of the next step.
func (r *run) next() [][]int {
	for {
		if r.epoch != r.at.Epoch {
			r.epoch, r.batches = r.at.Epoch, r.fill.epoch(r.rows.examples, r.set.Seed, r.at.Epoch)
		}
		if r.at.Batch < len(r.batches) {
			return r.batches[r.at.Batch:min(len(r.batches), r.at.Batch+r.accumulate)]
		}
		r.at.Epoch, r.at.Batch = r.at.Epoch+1, 0
	}
}

// step does one step; lost says that the loss blew up, and then nothing was changed.
func (r *run) step(ctx context.Context) (lost bool, err error) {
	start := time.Now()
	group := r.next()
	var batches [][]example
	counted, tokens := 0, 0
	for _, numbers := range group {
		var b []example
		for _, i := range numbers {
			e := r.rows.examples[i]
			b, counted, tokens = append(b, e), counted+e.counted(), tokens+len(e.ids)
		}
		batches = append(batches, b)
	}
	scale := r.at.Scaler.Scale
	loss := 0.0
	for i, b := range batches {
		l, err := r.net.pass(ctx, b, r.at.Number+uint64(i), true, scale/float64(counted))
		if err != nil {
			return false, err
		}
		loss += l / float64(counted)
	}
	if err := r.net.read(ctx); err != nil {
		return false, err
	}
	size, by, finite := norm(r.grads, 1/scale, r.set.ClipNorm)
	lr := rate(r.set, r.at.Updates, r.plan.Steps)
	good := r.at.Scaler.next(finite && !math.IsNaN(loss) && !math.IsInf(loss, 0))
	if !good && (!r.at.Scaler.On || r.at.Scaler.Scale < 1.0/65536) {
		return true, nil
	}
	if good {
		if r.at.Watch.see(loss, r.net.base.VocabSize) {
			return true, nil
		}
		r.opt.update(r.masters, r.grads, by, lr, runtime.GOMAXPROCS(0))
		r.at.Updates++
	}
	if err := r.net.load(ctx); err != nil {
		return false, err
	}
	r.at.Number += uint64(len(group))
	r.at.Batch += len(group)
	r.at.Step++
	ended := r.at.Batch >= len(r.batches)
	if ended {
		r.at.Epoch, r.at.Batch = r.at.Epoch+1, 0
	}
	r.at.Due = r.at.Step >= r.plan.Steps || r.set.EvalSteps == 0 && ended || r.set.EvalSteps > 0 && r.at.Step%r.set.EvalSteps == 0
	took := time.Since(start)
	r.steps++
	r.took += took
	r.here += tokens
	r.at.Seconds = r.before + time.Since(r.began).Seconds()
	if good {
		r.at.Losses = append(r.at.Losses, point{Step: r.at.Step, Epoch: r.inEpochs(), Loss: loss, Rate: lr, Norm: size})
	}
	e := core.TrainEvent{
		Kind: core.TrainStepped, Loss: loss, Rate: lr, Norm: size, Tokens: float64(tokens) / took.Seconds(),
		Left: r.took.Seconds() / float64(r.steps) * float64(r.plan.Steps-r.at.Step), Peak: r.memory.peak(),
	}
	if !good {
		e.Loss, e.Norm, e.Note = 0, 0, "train.warn.overflow"
	}
	return false, r.tell(e)
}

// evaluate measures the rows held back, and takes note of the best.
func (r *run) evaluate(ctx context.Context) error {
	if len(r.held.examples) == 0 {
		r.at.Due = false
		return nil
	}
	loss, counted := 0.0, 0
	for _, numbers := range r.fill.inOrder(r.held.examples) {
		var b []example
		for _, i := range numbers {
			b = append(b, r.held.examples[i])
			counted += r.held.examples[i].counted()
		}
		l, err := r.net.pass(ctx, b, 0, false, 0)
		if err != nil {
			return err
		}
		loss += l
	}
	loss /= float64(counted)
	r.at.Due = false
	best := r.at.evaluated(loss, r.set.Patience)
	if err := r.tell(core.TrainEvent{Kind: core.TrainEvaluated, HeldLoss: loss, Best: best && r.set.Best, Peak: r.memory.peak()}); err != nil {
		return err
	}
	if r.at.Early {
		return r.tell(core.TrainEvent{Kind: core.TrainWarned, Note: "train.warn.early"})
	}
	return nil
}

// save writes a checkpoint; timed: not because of an evaluation. A disk without space is told once and tried again after the next
// step: what was learnt stays in memory, and the last checkpoint on disk.
func (r *run) save(timed bool) error {
	at := r.at
	at.Timed = timed
	err := r.write(at)
	if errors.Is(err, core.ErrNoSpace) && at.Step < r.plan.Steps && !at.Early {
		told := r.unsaved
		r.unsaved = true
		if told {
			return nil
		}
		return r.tell(core.TrainEvent{Kind: core.TrainWarned, Note: "train.warn.space"})
	}
	return err
}

func (r *run) write(at progress) error {
	if err := writeCheckpoint(r.g.Key(), r.req.Dir, at, r.masters, r.opt); err != nil {
		return err
	}
	r.unsaved, r.saved, r.savedStep = false, time.Now(), at.Step
	if err := prune(r.req.Dir, r.set.Keep, at, r.timed); err != nil {
		return err
	}
	r.timed = nil
	if at.Timed {
		r.timed = append(r.timed, at.Step)
	}
	if err := writeLosses(r.g.Key(), r.req.Dir, at.Losses); err != nil {
		return err
	}
	return r.tell(core.TrainEvent{Kind: core.TrainCheckpoint})
}

// finish writes the adapter of the best checkpoint, or of the last.
func (r *run) finish(ctx context.Context, end core.TrainEnd) (core.TrainResult, error) {
	res := core.TrainResult{
		End: end, Step: r.at.Step, Steps: r.plan.Steps, BestStep: r.at.Step, BestLoss: r.at.BestLoss, Seconds: r.before + time.Since(r.began).Seconds(), Peak: r.memory.peak(),
	}
	w := r.masters
	steps, err := checkpointSteps(r.req.Dir)
	if err != nil {
		return res, err
	}
	switch {
	case len(steps) == 0 && end == core.TrainBlowup:
		return res, core.Explain(fmt.Errorf("the loss blew up at step %d, before the first checkpoint: %w", r.at.Step+1, core.ErrCorrupt), "error.train.blowup", r.at.Step+1)
	case len(steps) == 0:
		return res, ctx.Err()
	case !r.set.Best:
		res.BestLoss = 0 // nothing was chosen by it
		if end == core.TrainBlowup {
			res.BestStep = steps[len(steps)-1]
		}
	case r.at.HasBest && slices.Contains(steps, r.at.BestStep):
		res.BestStep = r.at.BestStep
	case end == core.TrainBlowup:
		res.BestStep = steps[len(steps)-1]
	}
	if res.BestStep != r.at.Step || end == core.TrainBlowup {
		_, body, err := readProgress(r.g.Key(), checkpointName(r.req.Dir, res.BestStep))
		if err != nil {
			return res, err
		}
		w = make([]float32, r.params.total)
		if err := restore(body, w, nil); err != nil {
			return res, err
		}
	}
	a, err := r.params.adapter(r.set, AdapterFolder, r.g.Info().Name, w)
	if err != nil {
		return res, err
	}
	if res.Adapter, err = writeAdapter(r.g.Key(), r.req.Dir, a, r.g.Dir(), r.req.Lineage); err != nil {
		return res, err
	}
	if end == core.TrainStopped {
		return res, ctx.Err()
	}
	return res, nil
}

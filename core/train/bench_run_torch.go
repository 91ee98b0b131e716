//go:build torch

package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/neox"
)

// runFigures are the figures of whole runs by name; asked for, never by themselves.
var runFigures = map[string]func(*benchRun) (RunResult, error){
	"recipe": (*benchRun).recipe, "recipe-auto": (*benchRun).recipeAuto, "chat": (*benchRun).chat, "full": (*benchRun).full, "fp32": (*benchRun).fp32,
}

// runs measures those that are asked for.
func (b *benchRun) runs() error {
	for _, name := range b.opt.Figures {
		f := runFigures[name]
		if f == nil {
			continue
		}
		r, err := f(b)
		if err != nil {
			return fmt.Errorf("bench train, %s: %w", name, err)
		}
		info := b.g.Info()
		r.Device, r.DType = info.Device, info.DType
		if err := b.emit(r); err != nil {
			return err
		}
		if err := r.failed(); err != nil {
			return err
		}
		b.emptyCache()
	}
	return nil
}

func (b *benchRun) emptyCache() {
	if b.g.Device().CUDA() {
		_ = b.g.Device().Do(context.Background(), func(*torch.Scope) error { torch.EmptyCache(); return nil })
	}
}

// trained is a run in a folder of its own, which is removed by done.
type trained struct {
	dir     string
	req     core.TrainRequest
	result  core.TrainResult
	plan    core.TrainPlan
	losses  []float64
	rates   []float64
	seconds float64
}

func (t *trained) done() { _ = os.RemoveAll(t.dir) }

// run trains; hear may be nil. The result is there also beside an error.
func (b *benchRun) run(ctx context.Context, s core.TrainSettings, rows, held []core.TrainRow, hear func(core.TrainEvent) error) (*trained, error) {
	dir, err := os.MkdirTemp("", "kakoi-bench-train-")
	if err != nil {
		return nil, err
	}
	t := &trained{dir: dir, req: core.TrainRequest{Dir: dir, Rows: rows, Held: held, Settings: s}}
	return t, b.again(ctx, t, hear)
}

// again runs t's request.
func (b *benchRun) again(ctx context.Context, t *trained, hear func(core.TrainEvent) error) (err error) {
	start := time.Now()
	t.result, err = New(b.g).Train(ctx, t.req, func(e core.TrainEvent) error {
		switch e.Kind {
		case core.TrainPlanned:
			t.plan = *e.Plan
		case core.TrainStepped:
			t.losses, t.rates = append(t.losses, e.Loss), append(t.rates, e.Tokens)
		}
		if hear != nil {
			return hear(e)
		}
		return nil
	})
	t.seconds = time.Since(start).Seconds()
	return err
}

// planned is the bytes on the model's device that a plan foresees.
func planned(p core.TrainPlan, host bool) int64 {
	n := onDevice(p.Bytes, host)
	for _, x := range p.Bytes {
		if x.Part == "weights" {
			n += x.Bytes
		}
	}
	return n
}

// recipe is the published recipe's run: 400 rows to learn from and 100 held back, of natural lengths. Some epochs are run, each with its
// evaluation and its checkpoint.
func (b *benchRun) recipe() (RunResult, error) { return b.recipeWith(core.TechLab().Recompute) }

// recipeAuto is the same with what is kept left to the memory plan.
func (b *benchRun) recipeAuto() (RunResult, error) { return b.recipeWith("auto") }

func (b *benchRun) recipeWith(recompute string) (RunResult, error) {
	s := core.TechLab()
	s.Recompute = recompute
	const measured = 2
	lengths := naturalLengths(500)
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	start := time.Now()
	var ends []time.Time // of epochs
	var evaluation, checkpoint, steps float64
	last := start
	t, err := b.run(ctx, s, madeRows(lengths[:400], 1), madeRows(lengths[400:], 2), func(e core.TrainEvent) error {
		if e.Kind == core.TrainWorking {
			return nil
		}
		took := time.Since(last).Seconds()
		last = time.Now()
		counts := len(ends) > 0
		switch {
		case e.Kind == core.TrainStepped && counts:
			steps += took
		case e.Kind == core.TrainEvaluated && counts:
			evaluation += took
		case e.Kind == core.TrainCheckpoint && e.Epoch == math.Trunc(e.Epoch): // not one that only time asked for
			if counts {
				checkpoint += took
			}
			if ends = append(ends, last); len(ends) == 1+measured {
				stop()
			}
		}
		return nil
	})
	if t != nil {
		defer t.done()
	}
	if err != nil && !(errors.Is(err, context.Canceled) && len(ends) > measured) {
		return RunResult{}, err
	}
	if len(ends) <= measured {
		return RunResult{}, fmt.Errorf("%d epochs: %w", len(ends), core.ErrEmpty)
	}
	each := ends[measured].Sub(ends[0]).Seconds() / measured
	setup := max(0, ends[0].Sub(start).Seconds()-each)
	r := RunResult{
		Name: "the recipe's run", Compute: t.plan.Compute, Recompute: t.plan.Recompute, Rows: t.plan.Rows, Held: t.plan.Held, Tokens: t.plan.Tokens, Steps: t.plan.Steps,
		Epochs: int(s.Epochs), Measured: measured, SetupSeconds: setup, EpochSeconds: each, EvaluationSeconds: evaluation / measured, CheckpointSeconds: checkpoint / measured,
		PerSecond: float64(t.plan.Tokens) * measured / steps, Minutes: (setup + s.Epochs*each) / 60, PlannedMinutes: t.plan.Seconds / 60, Peak: t.result.Peak, Planned: planned(t.plan, !b.g.Device().CUDA()),
		Note: fmt.Sprintf("%d of %d epochs were run after one to warm up, each with its evaluation and checkpoint; minutes is computed: setup + %d x their mean", measured, int(s.Epochs), int(s.Epochs)),
	}
	return r, nil
}

// most watches the device's memory, or the process's on the CPU, until stop, which gives the most bytes taken.
func (b *benchRun) most() (stop func() int64) {
	used := func() int64 {
		if b.g.Device().CUDA() {
			m, err := torch.MemoryOf(b.g.Device().Index())
			if err != nil {
				return 0
			}
			return m.Total - m.Free
		}
		return statusBytes("VmRSS:")
	}
	var wait sync.WaitGroup
	end := make(chan struct{})
	most := used()
	wait.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
				most = max(most, used())
			}
		}
	})
	return func() int64 {
		close(end)
		wait.Wait()
		return max(most, used())
	}
}

// chat trains and answers, each alone and then both at the same time, on the same weights.
func (b *benchRun) chat() (RunResult, error) {
	r := RunResult{Name: "chat during training", Weights: b.g.Info().Bytes}
	s, rows := b.small()
	var asks []core.GenerateRequest
	for i, row := range madeRows([]int{150, 400, 90}, 3) {
		asks = append(asks, core.GenerateRequest{Prompt: row.Inputs, Sampling: core.Sampling{MaxNewTokens: 24 + 16*i}})
	}
	answer := func(ctx context.Context, i int) (string, float64, error) {
		start := time.Now()
		got, err := b.g.Generate(ctx, asks[i:i+1], nil)
		if err != nil {
			return "", 0, err
		}
		return got[0].Text, time.Since(start).Seconds(), nil
	}

	b.emptyCache()
	stop := b.most()
	alone, err := b.run(b.ctx, s, rows, nil, nil)
	r.MemoryTraining = stop()
	if alone != nil {
		defer alone.done()
	}
	if err != nil {
		return r, err
	}
	first, err := sumOf(alone.result.Adapter)
	if err != nil {
		return r, err
	}

	b.emptyCache()
	stop = b.most()
	var texts []string
	var times []float64
	for i := range asks {
		text, took, err := answer(b.ctx, i)
		if err != nil {
			return r, err
		}
		texts, times = append(texts, text), append(times, took)
	}
	r.MemoryChat, r.AnswerSecondsAlone = stop(), median(times)

	b.emptyCache()
	stop = b.most()
	ctx, end := context.WithCancel(b.ctx)
	defer end()
	begun := make(chan struct{})
	var wait sync.WaitGroup
	var failed error
	same := true
	var late []float64
	wait.Go(func() {
		select {
		case <-begun:
		case <-ctx.Done():
			return
		}
		for n := 0; ctx.Err() == nil; n++ {
			text, took, err := answer(ctx, n%len(asks))
			if err != nil {
				if ctx.Err() == nil {
					failed = err
				}
				return
			}
			if ctx.Err() == nil {
				r.Answers++
				late = append(late, took)
			}
			same = same && text == texts[n%len(asks)]
		}
	})
	both, err := b.run(b.ctx, s, rows, nil, func(e core.TrainEvent) error {
		if e.Kind == core.TrainStepped && e.Step == 1 {
			close(begun)
		}
		return nil
	})
	end()
	wait.Wait()
	r.MemoryTogether = stop()
	if both != nil {
		defer both.done()
	}
	if err = errors.Join(err, failed); err != nil {
		return r, err
	}
	second, err := sumOf(both.result.Adapter)
	if err != nil {
		return r, err
	}
	r.Rows, r.Tokens, r.Steps, r.Compute, r.Recompute = len(rows), both.plan.Tokens, both.plan.Steps, both.plan.Compute, both.plan.Recompute
	r.TrainSeconds, r.TrainSecondsAlone = both.seconds, alone.seconds
	if len(late) > 0 {
		r.AnswerSeconds = median(late)
	}
	sum := r.MemoryTraining + r.MemoryChat
	r.check("answers come", r.Answers >= len(asks), "%d while %d steps ran", r.Answers, both.plan.Steps)
	r.check("answers are those without a training", same, "%d texts", len(texts))
	r.check("the adapter is that of a training alone", first == second, "%s, %s", first, second)
	r.check("memory", r.MemoryTogether <= sum-r.Weights, "together %.2f GB, apart %.2f + %.2f GB: %.2f GB less; the weights are %.2f GB", gb(r.MemoryTogether),
		gb(r.MemoryTraining), gb(r.MemoryChat), gb(sum-r.MemoryTogether), gb(r.Weights))
	r.Note = "memory is all that the device, or on the CPU the process, has taken at most, sampled every 5 ms"
	return r, nil
}

func gb(n int64) float64 { return float64(n) / 1e9 }

// small is a run of some seconds, with everything that a recipe has.
func (b *benchRun) small() (core.TrainSettings, []core.TrainRow) {
	s := core.TechLab()
	s.Accumulate, s.Epochs, s.WarmupSteps, s.Recompute, s.Best = 1, 12, 2, "auto", false
	n, longest := 48, 600
	if !b.g.Device().CUDA() {
		n, longest, s.Batch, s.Epochs = 8, 120, 4, 3
	}
	var lengths []int
	for _, l := range naturalLengths(n) {
		lengths = append(lengths, min(l, longest, s.MaxTokens-1))
	}
	return s, madeRows(lengths, 4)
}

// hog holds memory of the card, as another program would, until let is called.
func (b *benchRun) hog(leave int64) (let func(), err error) {
	var o torch.Owner
	dev := b.g.Device()
	let = func() {
		_ = dev.Do(context.Background(), func(*torch.Scope) error { o.Close(); torch.EmptyCache(); return nil })
	}
	return let, dev.Do(b.ctx, func(s *torch.Scope) error {
		torch.EmptyCache()
		m, err := torch.MemoryOf(dev.Index())
		if err != nil {
			return err
		}
		// In pieces that are not one of libtorch's usual sizes; the last ones small.
		for piece := int64(4 << 30); piece >= 2<<20 && s.Err() == nil; piece /= 2 {
			for m.Free-leave > piece {
				s.Keep(&o, s.Empty(torch.Float32, piece/4))
				if m, err = torch.MemoryOf(dev.Index()); err != nil || s.Err() != nil {
					return errors.Join(err, s.Err())
				}
			}
		}
		return s.Err()
	})
}

// full shows what becomes of runs on a card without room: before one, at its beginning, and in the middle of it.
func (b *benchRun) full() (RunResult, error) {
	r := RunResult{Name: "full card"}
	if !b.g.Device().CUDA() {
		return r, fmt.Errorf("on %s: %w", b.g.Device().Name(), core.ErrNoDevice)
	}
	ask := []core.GenerateRequest{{Prompt: "the road to the river", Sampling: core.Sampling{MaxNewTokens: 24}}}
	before, err := b.g.Generate(b.ctx, ask, nil)
	if err != nil {
		return r, err
	}
	// One row a step; the last one is the only long one.
	s := core.TechLab()
	s.Batch, s.Accumulate, s.Epochs, s.WarmupSteps, s.EvalSteps, s.Best, s.Recompute = 1, 1, 1, 1, 3, false, "none"
	lengths := []int{40, 44, 48, 52, 56, 60, 64, 68, s.MaxTokens - 2}
	rows, held := madeRows(lengths, 5), madeRows([]int{50, 50}, 6)
	known, err := encode(b.ctx, b.g, rows, s.LossOn, s.MaxTokens, 1)
	if err != nil {
		return r, err
	}
	for s.Seed = 1; ; s.Seed++ {
		if order := fillingOf(s).epoch(known.examples, s.Seed, 0); order[len(order)-1][0] == len(rows)-1 {
			break
		}
	}
	whole, err := b.run(b.ctx, s, rows, held, nil)
	if whole != nil {
		defer whole.done()
	}
	if err != nil {
		return r, err
	}
	want, err := sumOf(whole.result.Adapter)
	if err != nil {
		return r, err
	}
	var let func()
	cut, err := b.run(b.ctx, s, rows, held, func(e core.TrainEvent) (err error) {
		if e.Kind == core.TrainStepped && e.Step == 5 {
			let, err = b.hog(64 << 20)
		}
		return err
	})
	if cut != nil {
		defer cut.done()
	}
	var sentence *core.UserError
	r.check("a card that fills up during a run ends it with a sentence", errors.Is(err, core.ErrOutOfMemory) && errors.As(err, &sentence), "%v", err)
	steps, _ := checkpointSteps(cut.dir)
	r.check("what was learnt is kept", len(steps) > 0, "checkpoints of steps %v", steps)
	_, askErr := b.g.Generate(b.ctx, ask, nil)
	r.check("the engine answers on the full card, or says why not", askErr == nil || errors.Is(askErr, core.ErrOutOfMemory), "%v", askErr)
	if let != nil {
		let()
	}
	after, err := b.g.Generate(b.ctx, ask, nil)
	r.check("the engine goes on", err == nil && len(after) == 1 && after[0].Text == before[0].Text, "%v", err)
	cut.req.Resume = true
	err = b.again(b.ctx, cut, nil)
	got := ""
	if err == nil {
		got, err = sumOf(cut.result.Adapter)
	}
	r.check("going on gives the undisturbed run's adapter", err == nil && got == want, "%s, %s: %v", got, want, err)

	// Before a run: too little for anything, and enough for smaller steps only.
	s.Batch, s.Recompute, s.EvalSteps = 12, "auto", 0
	rows = madeRows(repeated(s.MaxTokens-2, 24), 8)
	for _, x := range []struct {
		leave int64
		fits  bool
	}{{256 << 20, false}, {1 << 30, true}, {5 << 30, true}} {
		let, err := b.hog(x.leave)
		if err != nil {
			return r, err
		}
		if !x.fits {
			_, err = New(b.g).PlanTraining(b.ctx, core.TrainRequest{Dir: os.TempDir(), Rows: rows, Settings: s})
			r.check("too little room is refused before anything is done", errors.Is(err, core.ErrOutOfMemory) && errors.As(err, &sentence), "%v", err)
			let()
			continue
		}
		t, err := b.run(b.ctx, s, rows, nil, nil)
		let()
		if t != nil {
			defer t.done()
		}
		r.check(fmt.Sprintf("a smaller plan fits %d GiB", x.leave>>30), err == nil && (t.plan.Recompute == "layer" || len(t.plan.Adapted) > 0), "recompute %s, batch %d x %d, changed %v: %v", t.plan.Recompute, t.plan.Batch, t.plan.Accumulate,
			t.plan.Adapted, err)
		r.Planned, r.Compute, r.Recompute = planned(t.plan, false), t.plan.Compute, t.plan.Recompute
	}
	r.Note = "the card's memory is held by this process in another allocation, all but 64 MB during the run, and all but 256 MB, 1 GiB and 5 GiB before one"
	return r, nil
}

// fp32 holds a run that computes in fp32 against one in the device's usual type, and against itself.
func (b *benchRun) fp32() (RunResult, error) {
	r := RunResult{Name: "fp32", Compute: "fp32"}
	s, rows := b.small()
	s.Dropout, s.Epochs, rows = 0, 2, rows[:min(16, len(rows))]
	usual, err := b.run(b.ctx, s, rows, nil, nil)
	if usual != nil {
		defer usual.done()
	}
	if err != nil {
		return r, err
	}
	s.Compute = "fp32"
	var sums []string
	var runs []*trained
	for range 2 {
		t, err := b.run(b.ctx, s, rows, nil, nil)
		if t != nil {
			defer t.done()
		}
		if err != nil {
			return r, err
		}
		sum, err := sumOf(t.result.Adapter)
		if err != nil {
			return r, err
		}
		sums, runs = append(sums, sum), append(runs, t)
	}
	worst := 0.0
	for i, l := range runs[0].losses {
		worst = max(worst, math.Abs(l-usual.losses[i])/l)
	}
	r.Rows, r.Tokens, r.Steps, r.Recompute = len(rows), runs[0].plan.Tokens, runs[0].plan.Steps, runs[0].plan.Recompute
	r.PerSecond, r.Peak, r.Planned = median(runs[1].rates), runs[1].result.Peak, planned(runs[1].plan, !b.g.Device().CUDA())
	r.check("losses are those of "+usual.plan.Compute, worst < 0.01, "%d steps, at most %.3g%% apart", len(usual.losses), 100*worst)
	r.check("two runs give the same bytes", sums[0] == sums[1], "%v", sums)
	return r, nil
}

// openBench is the model that Bench measures.
func openBench(ctx context.Context, opt *BenchOptions, copies bool) (*neox.Generator, error) {
	if opt.Model == "" {
		return neox.Random(ctx, opt.Shape, opt.Load, copies)
	}
	g, err := neox.Load(ctx, opt.Model, opt.Load, nil)
	if err == nil {
		opt.Shape = g.Config()
	}
	return g, err
}

// steps says whether figures of single steps are wanted.
func (o BenchOptions) steps() bool {
	return o.Figures == nil || slices.ContainsFunc(o.Figures, func(f string) bool { return runFigures[f] == nil })
}

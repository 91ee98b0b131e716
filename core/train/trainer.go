//go:build torch

package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/neox"
	"kakoi/core/vault"
)

// Trainer is core.Trainer over the weights of one loaded model. It holds nothing between calls.
type Trainer struct{ g *neox.Generator }

var _ core.Trainer = (*Trainer)(nil)

// New gives a Trainer for the model of g, which stays g's.
func New(g *neox.Generator) *Trainer { return &Trainer{g} }

// prepared is a request that was looked at.
type prepared struct {
	req        core.TrainRequest
	set        core.TrainSettings // checked
	rows, held sorted
	params     params
	fill       filling
	accumulate int
	keep       string
	dtype      torch.DType
	chunk      int
	own        bool  // with our own kernels
	epochs     []int // steps of each
	plan       core.TrainPlan
	from       *progress // of the checkpoint to go on from; nil: none
	body       []byte    // its masters and moments
	damaged    bool      // a later checkpoint is damaged
	reformed   bool      // the base is held in another number format than before the checkpoint
	without    bool      // the checkpoint is of a run with our own kernels, which this device does not have
}

// PlanTraining says what a run will need and do.
func (t *Trainer) PlanTraining(ctx context.Context, req core.TrainRequest) (core.TrainPlan, error) {
	p, err := t.prepare(ctx, req)
	if err != nil {
		return core.TrainPlan{}, fmt.Errorf("plan training: %w", err)
	}
	return p.plan, nil
}

// prepare checks a request, makes tokens of its rows and settles what "auto" means.
func (t *Trainer) prepare(ctx context.Context, req core.TrainRequest) (*prepared, error) {
	c := t.g.Config()
	p := &prepared{req: req}
	var err error
	if p.set, err = Validate(req.Settings, c.Layers, c.HiddenSize, c.IntermediateSize); err != nil {
		return nil, err
	}
	p.set.MaxTokens = min(p.set.MaxTokens, c.MaxPositionEmbeddings)
	if p.rows, err = encode(ctx, t.g, req.Rows, p.set.LossOn, p.set.MaxTokens, p.set.Workers); err != nil {
		return nil, err
	}
	if err := p.rows.usable(len(req.Rows), p.set.MaxTokens); err != nil {
		return nil, err
	}
	if p.held, err = encode(ctx, t.g, req.Held, p.set.LossOn, p.set.MaxTokens, p.set.Workers); err != nil {
		return nil, err
	}
	for _, e := range slices.Concat(p.rows.examples, p.held.examples) {
		for _, id := range e.ids {
			if id < 0 || int(id) >= c.VocabSize {
				return nil, fmt.Errorf("token %d for %d embeddings: %w", id, c.VocabSize, core.ErrCorrupt)
			}
		}
	}
	places, err := targetsOf(p.set, c.Layers, c.HiddenSize, c.IntermediateSize)
	if err != nil {
		return nil, err
	}
	p.params = layOut(places)
	p.fill, p.accumulate, p.keep = fillingOf(p.set), p.set.Accumulate, p.set.Recompute
	compute := p.set.Compute
	if compute == "auto" {
		compute = "fp32"
		if t.g.Device().CUDA() {
			compute = "bf16"
		}
	}
	if req.Resume {
		if err := p.resume(t.g.Info(), t.g.Key()); err != nil {
			return nil, err
		}
		compute = p.from.Compute
	}
	if p.dtype, err = neox.ParseDType(compute); err != nil {
		return nil, err
	}
	p.plan.Compute = compute
	if err := t.kernels(ctx, p); err != nil {
		return nil, err
	}
	if err := t.fit(p); err != nil {
		return nil, err
	}
	p.epochs = p.fill.steps(p.rows.examples, p.set, p.accumulate)
	x := &p.plan
	x.Trainable = int64(p.params.total)
	x.All = all(c, t.g.Info().DType == "nf4", x.Trainable)
	x.Rows, x.TooLong, x.NoLabels, x.Held = len(p.rows.examples), p.rows.tooLong+p.held.tooLong, p.rows.noLabels+p.held.noLabels, len(p.held.examples)
	x.Tokens, x.Steps, x.EpochStep = p.rows.tokens(), sum(p.epochs), p.epochs[0]
	x.Recompute, x.Batch, x.Accumulate = p.keep, p.fill.Batch, p.accumulate
	if x.Seconds, err = t.seconds(ctx, p); err != nil {
		return nil, err
	}
	if x.Seconds > 0 {
		x.SecondsFrom = core.SecondsComputed
	}
	return p, nil
}

// resume finds the last whole checkpoint that belongs to the request.
func (p *prepared) resume(base core.GeneratorInfo, key *vault.Key) error {
	steps, err := checkpointSteps(p.req.Dir)
	if err != nil {
		return err
	}
	for _, step := range slices.Backward(steps) {
		from, body, err := readProgress(key, checkpointName(p.req.Dir, step))
		if errors.Is(err, core.ErrCorrupt) {
			p.damaged = true
			continue
		}
		if err != nil {
			return err
		}
		if from.Base != base.ID {
			return core.Explain(fmt.Errorf("resume: the checkpoint is of model %s, this is %s: %w", from.Base, base.ID, core.ErrUsage), "error.train.resume.base")
		}
		if from.Rows != hashRows(p.req.Rows, p.req.Held) || !same(from.Settings, p.req.Settings) {
			return core.Explain(fmt.Errorf("resume with other rows or settings: %w", core.ErrUsage), "error.train.resume.changed")
		}
		p.from, p.body = &from, body
		p.reformed = from.Form != "" && from.Form != base.DType
		p.fill, p.accumulate, p.keep = from.Fill, from.Accumulate, from.Recompute
		return nil
	}
	return core.Explain(fmt.Errorf("resume without a checkpoint in %q: %w", p.req.Dir, core.ErrNotFound), "error.train.resume.none")
}

// same compares settings as they are stored.
func same(a, b core.TrainSettings) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// kernels settles whose operations compute. A run that began with libtorch's goes on with them: it gives the bytes that it would have given.
func (t *Trainer) kernels(ctx context.Context, p *prepared) error {
	if t.g.Device().CUDA() {
		if err := t.g.Device().Do(ctx, func(s *torch.Scope) error {
			p.own = newFast(s, t.g, p.dtype, p.params.places) != nil
			return s.Err()
		}); err != nil {
			return err
		}
	}
	if p.from != nil {
		p.own, p.without = p.own && p.from.Own, p.from.Own && !p.own
	}
	return nil
}

// fit chooses what is kept of the forward pass, and smaller micro-batches where nothing else helps, so that the run has room.
// What a checkpoint has settled stays.
func (t *Trainer) fit(p *prepared) error {
	c, cuda := t.g.Config(), t.g.Device().CUDA()
	everything := slices.Concat(p.rows.examples, p.held.examples)
	longest := 0
	for _, e := range everything {
		longest = max(longest, len(e.ids))
	}
	room, weights := t.g.Room(p.dtype), t.g.Info().Bytes
	if outside := t.g.Outside(); outside > 0 {
		weights = outside
	}
	free := t.g.Free()
	x := &p.plan
	x.Free = free
	if free <= 0 {
		x.Free = -1
	}
	bytes := func() []core.TrainBytes {
		p.chunk = chunkOf(c.VocabSize, headRoom(cuda, p.keep))
		if p.from != nil {
			if p.chunk = p.from.Chunk; p.chunk <= 0 {
				p.chunk = chunkOf(c.VocabSize, headRoom(cuda, "layer"))
			}
		}
		tokens := int64(p.fill.most(everything))
		counted := tokens
		if p.set.LossOn == core.LossAnswer {
			counted = int64(p.fill.mostCounted(everything))
		}
		return demand{
			cfg: c, element: int64(p.dtype.Size()), places: p.params.places, optimizer: p.set.Optimizer, dropout: p.set.Dropout > 0, keep: p.keep,
			tokens: tokens, counted: counted, chunk: min(int64(p.chunk), counted), weights: weights, room: room, fast: p.own, host: !cuda,
		}.plan()
	}
	fits := func() bool {
		x.Bytes = bytes()
		return free <= 0 || onDevice(x.Bytes, !cuda) <= free-free/20
	}
	if p.from != nil {
		if !fits() {
			return t.noRoom(x.Bytes, free, cuda)
		}
		return nil
	}
	ways := []string{"none", "gelu", "layer"}
	if at := slices.Index(ways, p.set.Recompute); at >= 0 {
		ways = ways[at:]
	}
	for {
		for _, p.keep = range ways {
			if fits() {
				if p.set.Recompute != "auto" && p.keep != p.set.Recompute {
					x.Adapted = append(x.Adapted, "recompute")
				}
				return nil
			}
		}
		half, ok := p.fill.half(longest)
		if !ok {
			return t.noRoom(x.Bytes, free, cuda)
		}
		p.accumulate *= max(1, (p.fill.Batch+half.Batch-1)/half.Batch)
		if p.fill.Budget > 0 {
			p.accumulate = max(p.accumulate, p.set.Accumulate*(fillingOf(p.set).Budget/half.Budget))
		}
		p.fill = half
		if !slices.Contains(x.Adapted, "batch") {
			x.Adapted = append(x.Adapted, "batch")
		}
	}
}

func (t *Trainer) noRoom(parts []core.TrainBytes, free int64, cuda bool) error {
	need := onDevice(parts, !cuda)
	err := fmt.Errorf("training needs %d bytes beside the model, %d are free: %w", need, free, core.ErrOutOfMemory)
	return core.Explain(err, "error.train.memory", gigabytes(need), gigabytes(free))
}

func gigabytes(n int64) string { return fmt.Sprintf("%.1f", float64(n)/1e9) }

// busy are the models that a run is on.
var (
	busyMu sync.Mutex
	busy   = map[*neox.Generator]bool{}
)

// Train runs a request to its end. One at a time on a model: core.ErrBusy otherwise.
func (t *Trainer) Train(ctx context.Context, req core.TrainRequest, emit func(core.TrainEvent) error) (core.TrainResult, error) {
	busyMu.Lock()
	taken := busy[t.g]
	busy[t.g] = true
	busyMu.Unlock()
	if taken {
		return core.TrainResult{}, core.Explain(fmt.Errorf("train: %w", core.ErrBusy), "error.train.busy")
	}
	defer func() {
		busyMu.Lock()
		delete(busy, t.g)
		busyMu.Unlock()
	}()
	if st, err := os.Stat(req.Dir); err != nil || !st.IsDir() {
		return core.TrainResult{}, fmt.Errorf("train in %q: %w", req.Dir, core.ErrNotFound)
	}
	p, err := t.prepare(ctx, req)
	if err != nil {
		return core.TrainResult{}, fmt.Errorf("train: %w", err)
	}
	if emit == nil {
		emit = func(core.TrainEvent) error { return nil }
	}
	r := &run{Trainer: t, prepared: p, emit: emit, began: time.Now()}
	res, err := r.whole(ctx)
	if errors.Is(err, core.ErrOutOfMemory) {
		var u *core.UserError
		if !errors.As(err, &u) {
			err = core.Explain(err, "error.train.memory.late")
		}
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("train: %w", err)
	}
	return res, err
}

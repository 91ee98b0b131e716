//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
)

// stress sends a Generator many random requests, several at once, with cancels, long prompts and changing adapters,
// and then every call that was not cancelled once more by itself and plainly: the answers must be the same, nothing
// may fail, and nothing may be left on the device when the Generator is closed. It says what it did.
type stress struct {
	dev      *device.Device
	cfg      Config
	open     func() (runner, error)
	requests int
	seed     uint64
}

// stressCall is one Generate with what came of it.
type stressCall struct {
	reqs    []core.GenerateRequest
	cancel  int           // after so many deltas; below 0: never
	wait    time.Duration // or after so long; 0: never
	replies []core.Reply
	err     error
}

// letters is a tokenizer of one byte a token, for models without one.
type letters struct{ vocab int }

func (l letters) Encode(text string) []int32 {
	ids := make([]int32, len(text))
	for i := range ids {
		ids[i] = int32(text[i]) % int32(l.vocab)
	}
	return ids
}

func (l letters) DecodeBytes(ids []int32) []byte {
	out := make([]byte, len(ids))
	for i, id := range ids {
		out[i] = byte(' ' + id%95)
	}
	return out
}

func (l letters) VocabSize() int { return l.vocab }
func (l letters) Close() error   { return nil }

// stressRequests is the number of random requests of the self-test.
const stressRequests = 200

// stressed is the self-test's check of a whole Generator on dev, over each kind of runner that the device has.
func stressed(ctx context.Context, dev *device.Device, failed *[]string, emit func(name string, ok bool, detail string)) error {
	kind := "cpu"
	if dev.CUDA() {
		kind = "cuda"
	}
	for _, as := range []storage{{dtype: torch.Float32}, {nf4: true, dtype: torch.BFloat16}} {
		cfg := tinyShape(true)
		cfg.MaxPositionEmbeddings = 256
		name := "random requests fp32"
		if as.nf4 {
			if cfg = shapes4["512 wide, heads of 64"]; !runs4Bit(kind, cfg) {
				continue
			}
			name = "random requests nf4"
		}
		x := stress{dev: dev, cfg: cfg, requests: stressRequests, seed: 1, open: func() (runner, error) {
			return newRunner(ctx, dev, cfg, as, newMemorySource(cfg), nil)
		}}
		detail, err := x.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			detail = err.Error()
			*failed = append(*failed, name)
		}
		if emit != nil {
			emit(name, err == nil, fmt.Sprintf("%s: %s", dev.Name(), detail))
		}
	}
	return nil
}

func (x stress) run(ctx context.Context) (detail string, err error) {
	dir, err := os.MkdirTemp("", "kakoi-selftest-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	adapters := []string{"", "", ""}
	for i := range keptAdapters + 2 { // more than are kept
		a := stressAdapter(x.cfg, fmt.Sprintf("stress %d", i), 4+4*i)
		folder := filepath.Join(dir, fmt.Sprint(i))
		if err := a.Write(folder); err != nil {
			return "", err
		}
		adapters = append(adapters, folder)
	}
	live := torch.Live()
	run, err := x.open()
	if err != nil {
		return "", err
	}
	g := newGenerator(x.cfg, x.dev, run, letters{x.cfg.VocabSize}, []int32{2, int32(x.cfg.VocabSize) - 5})
	g.info.Name = "stress"
	detail, err = x.on(ctx, g, adapters)
	if used := g.slotsInUse(); used > 0 && err == nil {
		err = fmt.Errorf("%d rows are in use after the last call: %w", used, core.ErrCorrupt)
	}
	err = errors.Join(err, g.Close())
	if now := torch.Live(); err == nil && now != live {
		err = fmt.Errorf("%d tensors before, %d after: %w", live, now, core.ErrCorrupt)
	}
	return detail, err
}

// slotsInUse waits for the loop and counts the slots that a row still has.
func (g *Generator) slotsInUse() int {
	g.loop.work.Lock()
	defer g.loop.work.Unlock()
	n := 0
	for _, c := range g.loop.slots {
		if c.user != nil {
			n++
		}
	}
	return n
}

func (x stress) on(ctx context.Context, g *Generator, adapters []string) (string, error) {
	r := rand.New(rand.NewPCG(x.seed, 1))
	var calls []*stressCall
	var before []string // prompts, to begin later ones with
	for n := 0; n < x.requests; {
		c := &stressCall{cancel: -1}
		for range min(x.requests-n, 1+r.IntN(3)) {
			prompt := stressText(r, 1+r.IntN(x.cfg.MaxPositionEmbeddings/2))
			switch {
			case r.IntN(6) == 0:
				prompt = stressText(r, x.cfg.MaxPositionEmbeddings-1-r.IntN(40))
			case len(before) > 0 && r.IntN(2) == 0:
				head := before[r.IntN(len(before))]
				prompt = head[:len(head)-r.IntN(min(len(head), 10))] + prompt
				prompt = prompt[:min(len(prompt), x.cfg.MaxPositionEmbeddings-2)]
			}
			before = append(before, prompt)
			c.reqs = append(c.reqs, core.GenerateRequest{Prompt: prompt, Adapter: adapters[r.IntN(len(adapters))], Sampling: stressSampling(r), Refusal: stressRefusal(r)})
		}
		switch r.IntN(6) {
		case 0:
			c.cancel = r.IntN(8)
		case 1:
			c.wait = time.Duration(r.IntN(20)) * time.Millisecond
		}
		n += len(c.reqs)
		calls = append(calls, c)
	}
	queue := make(chan *stressCall)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			for c := range queue {
				c.generate(ctx, g)
			}
		})
	}
	for _, c := range calls {
		queue <- c
	}
	close(queue)
	wg.Wait()
	cancelled, reused, guessed, right, refusals := 0, 0, 0, 0, 0
	for i, c := range calls {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		for _, r := range c.replies {
			reused, guessed, right = reused+r.ReusedTokens, guessed+r.GuessedTokens, right+r.RightTokens
		}
		if errors.Is(c.err, context.Canceled) {
			cancelled++
			continue
		}
		if c.err != nil {
			return "", fmt.Errorf("call %d: %w", i, c.err)
		}
		alone := &stressCall{cancel: -1}
		for _, q := range c.reqs {
			q.Plain = true
			alone.reqs = append(alone.reqs, q)
		}
		if alone.generate(ctx, g); alone.err != nil {
			return "", fmt.Errorf("call %d by itself: %w", i, alone.err)
		}
		for k, r := range alone.replies {
			if got := c.replies[k]; got.Text != r.Text || got.Stop != r.Stop || got.NewTokens != r.NewTokens {
				return "", fmt.Errorf("call %d, prompt %d of %d, %+v: %q (%s), by itself %q (%s): %w", i, k, len(c.reqs), c.reqs[k].Sampling, got.Text, got.Stop, r.Text, r.Stop, core.ErrCorrupt)
			}
			if err := sameRefusal(c.reqs[k], c.replies[k], r); err != nil {
				return "", fmt.Errorf("call %d, prompt %d of %d: %w", i, k, len(c.reqs), err)
			}
			if r.Refusal != nil {
				refusals++
			}
		}
	}
	return fmt.Sprintf("%d requests in %d calls, %d cancelled, %d prompt tokens reused, %d of %d guesses right, %d refusals scored", x.requests, len(calls), cancelled, reused, right, guessed, refusals), nil
}

// generate runs the call and cancels it where it says so.
func (c *stressCall) generate(ctx context.Context, g *Generator) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if c.wait > 0 {
		time.AfterFunc(c.wait, stop)
	}
	n := 0
	c.replies, c.err = g.Generate(ctx, c.reqs, func(int, core.Delta) error {
		if n++; n == c.cancel {
			stop()
		}
		return nil
	})
}

// stressText is n letters with repeated passages, so that there is something to look up.
func stressText(r *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		if b.Len() > 10 && r.IntN(3) == 0 {
			from := r.IntN(b.Len() - 5)
			b.WriteString(b.String()[from:min(b.Len(), from+3+r.IntN(12))])
		} else {
			b.WriteByte(byte('a' + r.IntN(20)))
		}
	}
	return b.String()[:n]
}

// stressSampling draws settings of every kind.
func stressSampling(r *rand.Rand) core.Sampling {
	s := core.Sampling{MaxNewTokens: 1 + r.IntN(30), Seed: r.Uint64()}
	if r.IntN(2) == 0 {
		s.Temperature = 0.05 + r.Float64()
		s.TopK = []int{0, 5, 40}[r.IntN(3)]
		s.TopP = []float64{0, 0.9}[r.IntN(2)]
	}
	if r.IntN(2) == 0 {
		s.RepetitionPenalty = 0.8 + 0.5*r.Float64()
	}
	if r.IntN(4) == 0 {
		s.Stop = []string{string(rune('a' + r.IntN(20))), "xyz"}
	}
	return s
}

// stressRefusal draws a refusal of up to five tokens, or none; some are only asked for, some forbidden, some given.
func stressRefusal(r *rand.Rand) *core.Refusal {
	if r.IntN(3) == 0 {
		return nil
	}
	text := make([]byte, 1+r.IntN(5))
	for i := range text {
		text[i] = byte('a' + r.IntN(20))
	}
	q := &core.Refusal{Text: string(text), Common: string(text[:r.IntN(len(text))]), Decide: r.IntN(2) == 0}
	q.Bound = []float64{0, 1, 1, 1}[r.IntN(4)] // a random model finds none likely, and no bound may stand on an edge
	return q
}

// sameRefusal compares what two replies to a request say of its refusal.
func sameRefusal(q core.GenerateRequest, a, b core.Reply) error {
	if (q.Refusal == nil || a.Refusal == nil) && (a.Refusal == nil) == (b.Refusal == nil) {
		return nil
	}
	x, y := a.Refusal, b.Refusal
	if x == nil || y == nil || x.Tokens != y.Tokens || x.Refused != y.Refused || math.Abs(x.Probability-y.Probability) > 1e-2*y.Probability+1e-12 {
		return fmt.Errorf("refusal %+v: %+v, by itself %+v: %w", q.Refusal, x, y, core.ErrCorrupt)
	}
	return nil
}

// stressAdapter is an adapter for c, made of the hash; it leaves out some targets.
func stressAdapter(c Config, name string, rank int) *lora.Adapter {
	a := lora.Adapter{Name: name, Rank: rank}
	shapes := lora.ModelOf(c.Layers, c.HiddenSize, c.IntermediateSize)
	for i := range c.Layers {
		for n, target := range lora.Names {
			if (i+n)%3 == 2 {
				continue
			}
			s := shapes.Shapes[target]
			part := func(what string, n int) []float32 {
				v := hashUniform(fmt.Sprintf("%s.%d.%s.%s", name, i, target, what), n)
				for i := range v {
					v[i] *= 0.2
				}
				return v
			}
			a.Targets = append(a.Targets, lora.Target{Layer: i, Name: target, Rank: rank, In: s.In, Out: s.Out, Alpha: float64(2 * rank),
				A: part("a", rank*s.In), B: part("b", s.Out*rank)})
		}
	}
	made, err := lora.New(a)
	if err != nil {
		panic(err) // a slip of this function
	}
	return made
}

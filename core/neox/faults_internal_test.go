//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/lora"
)

// faulty fails now and then where memory may be lacking: anywhere. It is used on the device's thread only.
type faulty struct {
	runner
	rng   *rand.Rand
	rate  float64
	count map[string]int // failures by what failed
}

func (f *faulty) fail(what string) error {
	rate := f.rate
	if what == "attach" || what == "copy" { // both are rare
		rate *= 8
	}
	if f.rng.Float64() >= rate {
		return nil
	}
	f.count[what]++
	return fmt.Errorf("%s: %w", what, core.ErrOutOfMemory)
}

func (f *faulty) attach(s *torch.Scope, a *lora.Adapter) (int, error) {
	if err := f.fail("attach"); err != nil {
		return 0, err
	}
	return f.runner.attach(s, a)
}

func (f *faulty) room(s *torch.Scope, rows, capacity int) (state, error) {
	if err := f.fail("room"); err != nil {
		return nil, err
	}
	st, err := f.runner.room(s, rows, capacity)
	if err != nil {
		return nil, err
	}
	if c, ok := st.(chooser); ok {
		return &faultyChooser{faultyState{st, f}, c}, nil
	}
	return &faultyState{st, f}, nil
}

type faultyState struct {
	state
	f *faulty
}

func (x *faultyState) prefill(s *torch.Scope, row int, ids []int32, adapter int, logits []float32) error {
	if err := x.f.fail("prefill"); err != nil {
		return err
	}
	return x.state.prefill(s, row, ids, adapter, logits)
}

func (x *faultyState) lanes(s *torch.Scope, l []lane, logits [][]float32) error {
	if err := x.f.fail("lanes"); err != nil {
		return err
	}
	return x.state.lanes(s, l, logits)
}

// copy fails when some layers are copied already.
func (x *faultyState) copy(s *torch.Scope, from, to, n int) error {
	before := x.state.length(to)
	err := x.state.copy(s, from, to, n)
	if failed := x.f.fail("copy"); failed != nil && err == nil {
		x.state.keep(to, min(before, n))
		return failed
	}
	return err
}

type faultyChooser struct {
	faultyState
	c chooser
}

func (x *faultyChooser) choose(s *torch.Scope, l []lane, set []core.Sampling, u []float64) ([]int32, error) {
	if err := x.f.fail("choose"); err != nil {
		return nil, err
	}
	return x.c.choose(s, l, set, u)
}

func (x *faultyChooser) run(s *torch.Scope, l []lane, set []core.Sampling, u [][]float64, n int) ([][]int32, error) {
	if err := x.f.fail("run"); err != nil {
		return nil, err
	}
	return x.c.run(s, l, set, u, n)
}

// TestFailuresAnywhere: whatever fails, whenever, every call comes to its end with an answer that is right or with the error, nothing is left
// in use, and the Generator goes on.
func TestFailuresAnywhere(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open(torchtest.Device(), 0)
	if err != nil {
		t.Fatal(err)
	}
	c := tinyLong()
	dir := t.TempDir()
	adapters := []string{"", ""}
	for i := range keptAdapters + 2 {
		folder := filepath.Join(dir, fmt.Sprint(i))
		if err := stressAdapter(c, fmt.Sprintf("faults %d", i), 4+4*i).Write(folder); err != nil {
			t.Fatal(err)
		}
		adapters = append(adapters, folder)
	}
	for name, wrap := range map[string]func(runner) runner{"host": nil, "device": func(r runner) runner { return onDevice{r} }} {
		t.Run(name, func(t *testing.T) {
			before := torch.Live()
			m, err := loadModel(context.Background(), dev, c, torch.Float32, newMemorySource(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			inner := runner(newTorchRunner(m, dev.CUDA()))
			if wrap != nil {
				inner = wrap(inner)
			}
			f := &faulty{runner: inner, rng: rand.New(rand.NewPCG(3, 4)), count: map[string]int{}}
			g := newGenerator(c, dev, f, letters{c.VocabSize}, []int32{2, 91})
			rate := func(x float64) {
				if err := dev.Do(context.Background(), func(*torch.Scope) error { f.rate = x; return nil }); err != nil {
					t.Fatal(err)
				}
			}

			r := rand.New(rand.NewPCG(5, 6))
			calls := make([]*stressCall, 200)
			heads := []string{stressText(r, 2*wideChunk+50), stressText(r, 2*wideChunk+50), stressText(r, 2*wideChunk+50)}
			for i := range calls {
				x := &stressCall{cancel: -1}
				for range 1 + r.IntN(3) {
					prompt := stressText(r, 1+r.IntN(150))
					if r.IntN(4) > 0 {
						prompt = heads[r.IntN(len(heads))][:wideChunk+r.IntN(wideChunk+50)] + prompt
					}
					x.reqs = append(x.reqs, core.GenerateRequest{Prompt: prompt, Adapter: adapters[r.IntN(len(adapters))], Sampling: stressSampling(r)})
				}
				if r.IntN(5) == 0 {
					x.cancel = r.IntN(6)
				}
				calls[i] = x
			}
			rate(0.04)
			queue := make(chan *stressCall)
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() {
					for x := range queue {
						x.generate(context.Background(), g)
					}
				})
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for _, x := range calls {
					queue <- x
				}
				close(queue)
				wg.Wait()
			}()
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatal("a call does not come to its end")
			}
			rate(0)

			right := 0
			for i, x := range calls {
				switch {
				case errors.Is(x.err, core.ErrOutOfMemory):
					var u *core.UserError
					if !errors.As(x.err, &u) {
						t.Errorf("call %d: without a sentence: %v", i, x.err)
					}
					continue
				case errors.Is(x.err, context.Canceled) && x.cancel >= 0:
					continue
				case x.err != nil:
					t.Fatalf("call %d: %v", i, x.err)
				}
				right++
				alone := &stressCall{cancel: -1}
				for _, q := range x.reqs {
					q.Plain = true
					alone.reqs = append(alone.reqs, q)
				}
				if alone.generate(context.Background(), g); alone.err != nil {
					t.Fatalf("call %d by itself: %v", i, alone.err)
				}
				for k, want := range alone.replies {
					if got := x.replies[k]; got.Text != want.Text || got.Stop != want.Stop || got.NewTokens != want.NewTokens {
						t.Errorf("call %d, prompt %d: %q (%s), by itself %q (%s)", i, k, got.Text, got.Stop, want.Text, want.Stop)
					}
				}
			}
			if used := g.slotsInUse(); used > 0 {
				t.Errorf("%d rows are in use after the last call", used)
			}
			for _, a := range g.adapters.list {
				if a.users != 0 {
					t.Errorf("an adapter has %d users after the last call", a.users)
				}
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
			if now := torch.Live(); now != before {
				t.Errorf("%d tensors before, %d after", before, now)
			}
			if right < 40 || f.count["prefill"] == 0 || f.count["copy"]+f.count["attach"] == 0 || f.count["lanes"]+f.count["choose"]+f.count["run"] == 0 {
				t.Errorf("%d answers of %d calls, failures %v: too few of each to tell", right, len(calls), f.count)
			}
		})
	}
}

// TestFailureBesideAnEnd: of one call, a row ends with the first token of its prompt and another one's step fails before the loop has let go
// of it.
func TestFailureBesideAnEnd(t *testing.T) {
	torchtest.Setup(t)
	failing := false
	g := tinyGenerator(t, tinyLong(), torch.Float32, func(r runner) runner { return &stepsFail{r, &failing} })
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		// The second row's only token comes with its prompt, in the round of the loop in which the first one's first step is due.
		_, err := g.Generate(ctx, []core.GenerateRequest{
			{Prompt: "abcdefg", Plain: true, Sampling: core.Sampling{MaxNewTokens: 30}},
			{Prompt: "hijk", Plain: true, Sampling: core.Sampling{MaxNewTokens: 1}},
		}, func(i int, _ core.Delta) error { return nil })
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, core.ErrOutOfMemory) {
			t.Errorf("%v", err)
		}
	case <-ctx.Done():
		t.Fatal("the call does not come to its end")
	}
	failing = false
	if _, err := g.Generate(context.Background(), []core.GenerateRequest{{Prompt: "abc", Sampling: core.Sampling{MaxNewTokens: 1}}}, nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// stepsFail fails the second step and all behind it.
type stepsFail struct {
	runner
	after *bool
}

func (r *stepsFail) room(s *torch.Scope, rows, capacity int) (state, error) {
	st, err := r.runner.room(s, rows, capacity)
	return &failingSteps{st, r}, err
}

type failingSteps struct {
	state
	r *stepsFail
}

func (x *failingSteps) lanes(s *torch.Scope, l []lane, logits [][]float32) error {
	if *x.r.after {
		return fmt.Errorf("step: %w", core.ErrOutOfMemory)
	}
	*x.r.after = true
	return x.state.lanes(s, l, logits)
}

// TestCopyThatFails: a slot that a failed copy may have written to is not taken for what it had before.
func TestCopyThatFails(t *testing.T) {
	torchtest.Setup(t)
	f := &faulty{rng: rand.New(rand.NewPCG(1, 2)), count: map[string]int{}}
	g := tinyGenerator(t, tinyLong(), torch.Float32, func(r runner) runner { f.runner = r; return f })
	var prompts []string
	for i := range mostSlots {
		prompts = append(prompts, letterText(i, 3*wideChunk))
		generateIDs(t, g, []core.GenerateRequest{{Prompt: prompts[i], Sampling: core.Sampling{MaxNewTokens: 1}}})
	}
	r, err := g.newRow(newCall(context.Background(), 1), 0, core.GenerateRequest{Prompt: prompts[mostSlots-1][:wideChunk+20] + "x"})
	if err != nil {
		t.Fatal(err)
	}
	g.loop.work.Lock()
	defer g.loop.work.Unlock()
	oldest := slices.MinFunc(g.loop.slots, func(a, b *slot) int { return a.used - b.used })
	if len(g.loop.slots) != mostSlots || len(oldest.prompt) != 3*wideChunk {
		t.Fatalf("%d slots, the oldest has %d tokens", len(g.loop.slots), len(oldest.prompt))
	}
	f.rate = 1
	err = g.dev.Do(context.Background(), func(s *torch.Scope) error {
		_, err := g.loop.take(s, r)
		return err
	})
	f.rate = 0
	if !errors.Is(err, core.ErrOutOfMemory) || f.count["copy"] != 1 || r.slot != nil || oldest.user != nil {
		t.Fatalf("%v, %v, slot %v", err, f.count, r.slot)
	}
	if len(oldest.prompt) != 0 || oldest.whole {
		t.Errorf("%d tokens are believed to be there", len(oldest.prompt))
	}
}

// TestARowWithoutNumbers: logits that are no numbers, as of a broken adapter, end the call they belong to and no other.
func TestARowWithoutNumbers(t *testing.T) {
	torchtest.Setup(t)
	c := tinyLong()
	folder := filepath.Join(t.TempDir(), "broken")
	if err := stressAdapter(c, "broken", 4).Write(folder); err != nil {
		t.Fatal(err)
	}
	for name, device := range map[string]bool{"host": false, "device": true} {
		t.Run(name, func(t *testing.T) {
			g := tinyGenerator(t, c, torch.Float32, func(r runner) runner {
				none := &noNumbers{r.(*torchRunner)}
				if device {
					return onDeviceWithout{none}
				}
				return none
			})
			sound := core.GenerateRequest{Prompt: "abcabcabcabc", Sampling: core.Sampling{MaxNewTokens: 40}}
			want, _ := generateIDs(t, g, []core.GenerateRequest{sound})
			for range 5 {
				var wg sync.WaitGroup
				var text string
				var err, broken error
				wg.Go(func() {
					var r []core.Reply
					if r, err = g.Generate(context.Background(), []core.GenerateRequest{sound}, nil); err == nil {
						text = r[0].Text
					}
				})
				wg.Go(func() {
					_, broken = g.Generate(context.Background(), []core.GenerateRequest{{Prompt: "xyzxyz", Adapter: folder, Sampling: core.Sampling{MaxNewTokens: 40}}}, nil)
				})
				wg.Wait()
				if err != nil || !errors.Is(broken, core.ErrCorrupt) {
					t.Errorf("the sound one: %v; the broken one: %v", err, broken)
				}
				if answer := string(letters{c.VocabSize}.DecodeBytes(want[0])); text != answer && text != answer[:len(answer)-1] {
					t.Errorf("%q, want %q", text, answer)
				}
			}
			if used := g.slotsInUse(); used > 0 {
				t.Errorf("%d rows are in use", used)
			}
		})
	}
}

// noNumbers gives the steps of rows with an adapter logits that are no numbers; their prompts have some.
type noNumbers struct{ *torchRunner }

func (r *noNumbers) room(s *torch.Scope, rows, capacity int) (state, error) {
	st, err := r.torchRunner.room(s, rows, capacity)
	return &noNumbersState{st}, err
}

type noNumbersState struct{ state }

func (x *noNumbersState) lanes(s *torch.Scope, l []lane, logits [][]float32) error {
	err := x.state.lanes(s, l, logits)
	for i := range l {
		if l[i].adapter != 0 {
			for k := range logits[i] {
				logits[i][k] = float32(math.NaN())
			}
		}
	}
	return err
}

// onDeviceWithout is onDevice over noNumbers.
type onDeviceWithout struct{ *noNumbers }

func (r onDeviceWithout) room(s *torch.Scope, rows, capacity int) (state, error) {
	st, err := r.noNumbers.room(s, rows, capacity)
	return &hostChooser{state: st, vocab: r.model.VocabSize, ids: make([][]int32, rows)}, err
}

// TestAdapterWithoutRoom: where there is no memory for one more adapter, those that nobody uses make room.
func TestAdapterWithoutRoom(t *testing.T) {
	torchtest.Setup(t)
	c := tinyLong()
	few := &fewAdapters{most: 2}
	g := tinyGenerator(t, c, torch.Float32, func(r runner) runner { few.runner = r; return few })
	dir := t.TempDir()
	for i := range 4 {
		folder := filepath.Join(dir, fmt.Sprint(i))
		if err := stressAdapter(c, fmt.Sprintf("few %d", i), 4).Write(folder); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Generate(context.Background(), []core.GenerateRequest{{Prompt: "abc", Adapter: folder, Sampling: core.Sampling{MaxNewTokens: 2}}}, nil); err != nil {
			t.Fatalf("adapter %d: %v", i, err)
		}
	}
	var all []core.GenerateRequest
	for i := range 3 {
		all = append(all, core.GenerateRequest{Prompt: "abc", Adapter: filepath.Join(dir, fmt.Sprint(i)), Sampling: core.Sampling{MaxNewTokens: 2}})
	}
	if _, err := g.Generate(context.Background(), all[:2], nil); err != nil {
		t.Errorf("as many as there is room for: %v", err)
	}
	if _, err := g.Generate(context.Background(), all, nil); !errors.Is(err, core.ErrOutOfMemory) {
		t.Errorf("more than there is room for: %v", err)
	}
	if _, err := g.Generate(context.Background(), all[2:], nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// fewAdapters has memory for most adapters.
type fewAdapters struct {
	runner
	most, have int
}

func (r *fewAdapters) attach(s *torch.Scope, a *lora.Adapter) (int, error) {
	if r.have == r.most {
		return 0, fmt.Errorf("attach: %w", core.ErrOutOfMemory)
	}
	r.have++
	return r.runner.attach(s, a)
}

func (r *fewAdapters) detach(n int) {
	r.have--
	r.runner.detach(n)
}

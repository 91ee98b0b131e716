//go:build torch

package neox

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/token"
)

// TestStarterRefusals: the probability of a refusal is the one that transformers' logits give, of the decisive tokens and of the whole
// sentence, alone and in a batch; and what is answered when it is forbidden is what transformers decodes with those tokens taken out.
func TestStarterRefusals(t *testing.T) {
	torchtest.Setup(t)
	g := golden(t).Starter
	dev, m := starter(t, torch.Float32)
	tok, err := token.Load(starterDir)
	if err != nil {
		t.Fatal(err)
	}
	gen := newGenerator(m.Config, dev, newTorchRunner(m, dev.CUDA()), tok, []int32{2})
	defer gen.loop.close()
	if len(g.Refusals) < 8 {
		t.Fatalf("%d refusals", len(g.Refusals))
	}
	var reqs []core.GenerateRequest
	var want []float64
	likely := 0
	for _, r := range g.Refusals {
		whole := r.Text[:len(r.Text)-1] // all but the last character are common: every token decides
		for _, q := range []core.Refusal{{Text: r.Text, Common: r.Common, Decide: true, Bound: 1}, {Text: r.Text, Common: whole}} {
			reqs = append(reqs, core.GenerateRequest{Prompt: r.Prompt, Sampling: core.Sampling{MaxNewTokens: 64}, Refusal: &q})
		}
		p := 0.0
		for i, x := range r.Logs {
			if p += x; i+1 == r.Decisive {
				want = append(want, math.Exp(p))
			}
		}
		want = append(want, math.Exp(p))
		if want[len(want)-2] > 0.5 {
			likely++
		}
	}
	if likely < 2 || likely > len(g.Refusals)-2 {
		t.Errorf("%d of %d prompts are likely refused: too few to tell", likely, len(g.Refusals))
	}
	check := func(how string, ids [][]int32, replies []core.Reply, reqs []core.GenerateRequest, want []float64) {
		for i, r := range replies {
			if s := r.Refusal; s == nil || s.Refused || math.Abs(s.Probability-want[i]) > 1e-4*max(want[i], 1e-3) {
				t.Errorf("%s, %.40q: %+v, want %v", how, reqs[i].Refusal.Text, r.Refusal, want[i])
			}
		}
		for i, r := range g.Refusals {
			if 2*i < len(ids) && len(ids) == len(reqs) && reqs[2*i].Prompt == r.Prompt && !slices.Equal(ids[2*i], r.Forbidden) {
				t.Errorf("%s, prompt %d with the refusal forbidden: %v, want %v", how, i, ids[2*i], r.Forbidden)
			}
		}
	}
	ids, replies := generateIDs(t, gen, reqs)
	check("in a batch", ids, replies, reqs, want)
	for i := range reqs {
		one, replies := generateIDs(t, gen, reqs[i:i+1])
		check("alone", nil, replies, reqs[i:i+1], want[i:i+1])
		if !slices.Equal(one[0], ids[i]) {
			t.Errorf("request %d alone: %v, in a batch %v", i, one[0], ids[i])
		}
		if n := replies[0].Refusal.Tokens; i%2 == 0 && n != g.Refusals[i/2].Decisive || i%2 == 1 && n != len(g.Refusals[i/2].IDs) {
			t.Errorf("request %d: %d decisive tokens", i, n)
		}
	}
	// The bound decides on either side of the probability.
	for i, r := range g.Refusals {
		for _, bound := range []float64{want[2*i] * 0.999, want[2*i]*1.001 + 1e-9} {
			q := core.Refusal{Text: r.Text, Common: r.Common, Decide: true, Bound: bound}
			replies, err := gen.Generate(context.Background(), []core.GenerateRequest{{Prompt: r.Prompt, Sampling: core.Sampling{MaxNewTokens: 64}, Refusal: &q}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := replies[0]
			if refused := want[2*i] > bound; refused != got.Refusal.Refused || refused != (got.Stop == core.StopRefusal) || refused != (got.Text == r.Text) || refused && got.NewTokens != 0 {
				t.Errorf("prompt %d, probability %v, bound %v: %+v %+v", i, want[2*i], bound, got, got.Refusal)
			}
		}
	}
}

// TestRefusalsChangeNothingElse: asking for a probability changes no token, whatever the batch, the adapters, guesses, and who samples; a
// refusal that is forbidden changes only answers that begin with it; and the probability is the one of the logits.
func TestRefusalsChangeNothingElse(t *testing.T) {
	torchtest.Setup(t)
	for name, wrap := range map[string]func(runner) runner{"host": nil, "device": func(r runner) runner { return onDevice{r} }} {
		t.Run(name, func(t *testing.T) {
			c := tinyLong()
			g := tinyGenerator(t, c, torch.Float32, wrap)
			g.lookup, g.end = true, nil
			adapters := []string{""}
			for i := range 2 {
				folder := filepath.Join(t.TempDir(), fmt.Sprint(i))
				if err := stressAdapter(c, fmt.Sprintf("refusals %d", i), 4).Write(folder); err != nil {
					t.Fatal(err)
				}
				adapters = append(adapters, folder)
			}
			r := rand.New(rand.NewPCG(5, 6))
			bitten := 0
			for round := range 30 {
				reqs := make([]core.GenerateRequest, 1+r.IntN(4))
				for i := range reqs {
					reqs[i] = core.GenerateRequest{Prompt: stressText(r, 20+r.IntN(80)), Adapter: adapters[r.IntN(3)], Sampling: stressSampling(r)}
					reqs[i].Sampling.Stop, reqs[i].Sampling.MaxNewTokens = nil, 12
				}
				plain, _ := generateIDs(t, g, reqs)
				asked, forbidden := slices.Clone(reqs), slices.Clone(reqs)
				for i := range reqs {
					// What was answered is the refusal, up to some token, so that forbidding it matters. Tokens are the bytes of a text here.
					n := 1 + r.IntN(4)
					q := core.Refusal{Text: string(bytesOf(plain[i][:n])), Common: string(bytesOf(plain[i][:r.IntN(n)]))}
					asked[i].Refusal = &q
					f := q
					f.Decide, f.Bound = true, 1
					forbidden[i].Refusal = &f
				}
				if slices.ContainsFunc(asked, func(q core.GenerateRequest) bool { return strings.ContainsAny(q.Refusal.Text, "\x00_\t\n\v\f\r ") }) {
					continue // the first two are a space in an answer, and white space counts as nothing
				}
				same, replies := generateIDs(t, g, asked)
				other, _ := generateIDs(t, g, forbidden)
				for i := range reqs {
					if !slices.Equal(same[i], plain[i]) {
						t.Fatalf("round %d, row %d: asked for a probability %v, plain %v", round, i, same[i], plain[i])
					}
					n := replies[i].Refusal.Tokens
					if n != len(asked[i].Refusal.Common)+1 {
						t.Fatalf("%d decisive tokens of %q with %q in common", n, asked[i].Refusal.Text, asked[i].Refusal.Common)
					}
					if want := likely(t, g, reqs[i], plain[i][:n]); math.Abs(replies[i].Refusal.Probability-want) > 1e-4*want {
						t.Errorf("round %d, row %d: probability %v, of the logits %v", round, i, replies[i].Refusal.Probability, want)
					}
					if slices.Equal(other[i][:n], plain[i][:n]) {
						t.Errorf("round %d, row %d: %v was forbidden and came", round, i, plain[i][:n])
					} else {
						bitten++
					}
				}
			}
			if bitten < 20 {
				t.Errorf("%d answers were changed: too few to tell", bitten)
			}
		})
	}
}

// bytesOf is the text whose letters are these tokens.
func bytesOf(ids []int32) []byte {
	out := make([]byte, len(ids))
	for i, id := range ids {
		out[i] = byte(id)
	}
	return out
}

// likely is the probability of tokens behind a request's prompt, by the logits that each of them got as the answer's.
func likely(t *testing.T, g *Generator, q core.GenerateRequest, ids []int32) float64 {
	t.Helper()
	p := 1.0
	for i := range ids {
		q := core.GenerateRequest{Prompt: q.Prompt + string(bytesOf(ids[:i])), Adapter: q.Adapter, Plain: true, Sampling: core.Sampling{MaxNewTokens: 1}}
		generateIDs(t, g, []core.GenerateRequest{q})
		next, err := chance(logitsOf(t, g, q.Prompt), ids[i])
		if err != nil {
			t.Fatal(err)
		}
		p *= next
	}
	return p
}

// TestRefusalAtTheEndOfTheContext: a sentence that does not fit behind the prompt is not scored; one that does, but not the answer's
// limit, is.
func TestRefusalAtTheEndOfTheContext(t *testing.T) {
	torchtest.Setup(t)
	c := tinyLong()
	c.MaxPositionEmbeddings = 64
	g := tinyGenerator(t, c, torch.Float32, nil)
	g.end = nil
	q := core.Refusal{Text: "abcd", Common: "abc"}
	for left, scored := range map[int]bool{1: false, 2: false, 3: true, 10: true} {
		prompt := letterText(4, c.MaxPositionEmbeddings-left)
		replies, err := g.Generate(context.Background(), []core.GenerateRequest{{Prompt: prompt, Refusal: &q, Sampling: core.Sampling{MaxNewTokens: 1}}}, nil)
		if err != nil || replies[0].NewTokens != 1 || (replies[0].Refusal != nil) != scored {
			t.Errorf("%d tokens left: %+v, %v", left, replies, err)
		}
	}
	for _, bad := range []core.Refusal{{}, {Text: " "}, {Text: "abc", Common: "x"}, {Text: "abc", Bound: math.NaN()}} {
		if _, err := g.Generate(context.Background(), []core.GenerateRequest{{Prompt: "p", Refusal: &bad}}, nil); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestRefusalBehindASpaceToken: where the space before an answer is a token of its own, the one behind it decides, with a common beginning or without.
func TestRefusalBehindASpaceToken(t *testing.T) {
	torchtest.Setup(t)
	g := tinyGenerator(t, tinyLong(), torch.Float32, nil)
	prompt := letterText(4, 20)
	blank := ""
	for id := range byte(g.cfg.VocabSize) {
		if string(g.tok.DecodeBytes([]int32{int32(id)})) == " " {
			blank = string([]byte{id, id, 'a', 'b'})
		}
	}
	if !strings.HasSuffix(blank, "ab") {
		t.Fatal("no token is a space")
	}
	for common, want := range map[int]int{0: 3, 1: 3, 2: 3, 3: 4} {
		q := core.Refusal{Text: blank, Common: blank[:common], Decide: true, Bound: 1}
		replies, err := g.Generate(context.Background(), []core.GenerateRequest{{Prompt: prompt, Refusal: &q, Sampling: core.Sampling{MaxNewTokens: 1}}}, nil)
		if err != nil || replies[0].Refusal == nil || replies[0].Refusal.Tokens != want {
			t.Errorf("%d bytes in common: %+v, %v, want %d decisive tokens", common, replies, err, want)
		}
	}
}

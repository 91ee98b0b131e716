//go:build torch

package neox

import (
	"math/rand/v2"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

// TestLookupIsPlain: prompt lookup gives the tokens of plain decoding, greedy and sampled, with penalties, stop strings
// and end tokens, for rows alone and several at once; also where the device samples, in steps and in blocks. Costs are
// made up so that guesses are checked now and then.
func TestLookupIsPlain(t *testing.T) {
	torchtest.Setup(t)
	for name, wrap := range map[string]func(runner) runner{"host": nil, "device": func(r runner) runner { return onDevice{r} }} {
		for _, dtype := range []torch.DType{torch.Float32, torch.BFloat16} {
			if torchtest.Device() != "cpu" && dtype != torch.Float32 {
				continue // cuBLAS rounds several lanes otherwise than one
			}
			t.Run(name+" "+dtype.String(), func(t *testing.T) {
				g := tinyGenerator(t, tinyLong(), dtype, wrap)
				g.lookup = true
				r := rand.New(rand.NewPCG(1, 2))
				guessed, right := 0, 0
				for round := range 25 {
					reqs := make([]core.GenerateRequest, 1+r.IntN(4))
					for i := range reqs {
						reqs[i] = core.GenerateRequest{Prompt: stressText(r, 20+r.IntN(100)), Sampling: stressSampling(r)}
						reqs[i].Sampling.MaxNewTokens *= 2
					}
					g.loop.costs = newCosts(g.run.traits().lanes) // what was measured before would decide
					with, replies := generateIDs(t, g, reqs)
					for i := range reqs {
						reqs[i].Plain = true
						guessed += replies[i].GuessedTokens
						right += replies[i].RightTokens
					}
					plain, plainReplies := generateIDs(t, g, reqs)
					for i := range reqs {
						a, b := replies[i], plainReplies[i]
						if !slices.Equal(with[i], plain[i]) || a.Text != b.Text || a.Stop != b.Stop || a.NewTokens != b.NewTokens {
							t.Fatalf("round %d, row %d of %d, %+v:\n%v %q %s\nplain\n%v %q %s", round, i, len(reqs), reqs[i].Sampling, with[i], a.Text, a.Stop, plain[i], b.Text, b.Stop)
						}
						if b.GuessedTokens != 0 || b.ReusedTokens != 0 {
							t.Errorf("a plain request guessed %d tokens and reused %d", b.GuessedTokens, b.ReusedTokens)
						}
					}
				}
				if right < 100 || guessed < right {
					t.Errorf("%d tokens guessed, %d right: too few to tell", guessed, right)
				}
				t.Logf("%d tokens guessed, %d right", guessed, right)
			})
		}
	}
}

// TestLookupAtTheEndOfTheContext: guesses and blocks end with the context, however near the prompt comes to it.
func TestLookupAtTheEndOfTheContext(t *testing.T) {
	torchtest.Setup(t)
	for name, wrap := range map[string]func(runner) runner{"host": nil, "device": func(r runner) runner { return onDevice{r} }} {
		t.Run(name, func(t *testing.T) {
			c := tinyLong()
			c.MaxPositionEmbeddings = 96
			g := tinyGenerator(t, c, torch.Float32, wrap)
			g.lookup, g.end = true, nil
			limit := c.MaxPositionEmbeddings
			r := rand.New(rand.NewPCG(8, 9))
			guessed := 0
			for left := 1; left <= 24; left++ {
				prompt := stressText(r, limit-left)
				set := core.Sampling{RepetitionPenalty: []float64{0, 0.8}[left%2]} // below 1: it repeats itself, so guesses are right
				g.loop.costs = newCosts(g.run.traits().lanes)
				with, a := generateIDs(t, g, []core.GenerateRequest{{Prompt: prompt, Sampling: set}})
				plain, b := generateIDs(t, g, []core.GenerateRequest{{Prompt: prompt, Sampling: set, Plain: true}})
				if !slices.Equal(with[0], plain[0]) || a[0].NewTokens != left || a[0].Stop != core.StopLength || b[0].NewTokens != left || b[0].Stop != core.StopLength {
					t.Errorf("%d tokens left: %v %+v, plain %v %+v", left, with[0], a[0], plain[0], b[0])
				}
				guessed += a[0].GuessedTokens
			}
			if guessed < 20 {
				t.Errorf("%d tokens guessed: too few to tell", guessed)
			}
		})
	}
}

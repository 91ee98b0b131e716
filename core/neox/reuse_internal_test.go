//go:build torch

package neox

import (
	"path/filepath"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

// logitsOf are what follows a prompt, as its slot keeps them.
func logitsOf(t testing.TB, g *Generator, prompt string) []float32 {
	t.Helper()
	g.loop.work.Lock()
	defer g.loop.work.Unlock()
	ids := g.tok.Encode(prompt)
	for _, c := range g.loop.slots {
		if c.whole && slices.Equal(c.prompt, ids) {
			return slices.Clone(c.logits)
		}
	}
	t.Fatalf("no slot has %q", prompt)
	return nil
}

// forget empties the slots.
func forget(g *Generator) { g.loop.release() }

// TestReusedPrompts: what prompts share is not computed again, and the logits are the same bits.
func TestReusedPrompts(t *testing.T) {
	torchtest.Setup(t)
	c := tinyLong()
	g := tinyGenerator(t, c, torch.Float32, nil)
	folder := filepath.Join(t.TempDir(), "adapter")
	if err := stressAdapter(c, "one", 4).Write(folder); err != nil {
		t.Fatal(err)
	}
	grain := max(1, g.run.traits().grain)
	head := letterText(1, 2*wideChunk+20)
	first, second := head+letterText(2, 30), head+letterText(3, 50)
	shared := (2*wideChunk + 20) / grain * grain
	ask := func(prompt, adapter string, plain bool) ([]int32, core.Reply) {
		ids, replies := generateIDs(t, g, []core.GenerateRequest{{Prompt: prompt, Adapter: adapter, Plain: plain, Sampling: core.Sampling{MaxNewTokens: 8}}})
		return ids[0], replies[0]
	}
	type answer struct {
		ids    []int32
		logits []float32
	}
	plain := map[string]answer{}
	for _, p := range []string{first, second, head} {
		for _, a := range []string{"", folder} {
			forget(g)
			ids, r := ask(p, a, true)
			if r.ReusedTokens != 0 {
				t.Fatalf("a plain request reused %d tokens", r.ReusedTokens)
			}
			plain[p+a] = answer{ids, logitsOf(t, g, p)}
		}
	}
	if slices.Equal(plain[first].logits, plain[first+folder].logits) {
		t.Fatal("the adapter changes nothing")
	}
	forget(g)
	for i, c := range []struct {
		prompt, adapter string
		reused          int
	}{
		{first, "", 0},
		{second, "", shared},
		{second, "", len(second)}, // the same question again
		{first, "", shared},       // the second question went on where the first one was
		{head, "", (len(head) - 1) / grain * grain},
		{first, folder, 0}, // nothing of another adapter's
		{second, folder, shared},
		{second, "", shared},
		{second, folder, len(second)}, // in another slot
	} {
		ids, r := ask(c.prompt, c.adapter, false)
		want := plain[c.prompt+c.adapter]
		if !slices.Equal(ids, want.ids) {
			t.Errorf("step %d: answer %v, want %v", i, ids, want.ids)
		}
		if torchtest.Device() == "cpu" && c.adapter == "" && !slices.Equal(logitsOf(t, g, c.prompt), want.logits) {
			t.Errorf("step %d: the logits differ by %g", i, maxDiff(logitsOf(t, g, c.prompt), want.logits))
		}
		if r.ReusedTokens != c.reused {
			t.Errorf("step %d: reused %d tokens of %d, want %d", i, r.ReusedTokens, r.PromptTokens, c.reused)
		}
	}

	// Of one call, the second row begins with the first one's prompt.
	forget(g)
	_, replies := generateIDs(t, g, []core.GenerateRequest{
		{Prompt: first, Sampling: core.Sampling{MaxNewTokens: 3}}, {Prompt: first, Sampling: core.Sampling{MaxNewTokens: 3, Temperature: 1}},
		{Prompt: second, Sampling: core.Sampling{MaxNewTokens: 3}},
	})
	if replies[0].ReusedTokens != 0 || replies[1].ReusedTokens != len(first) || replies[2].ReusedTokens != shared {
		t.Errorf("in one call: reused %d, %d and %d", replies[0].ReusedTokens, replies[1].ReusedTokens, replies[2].ReusedTokens)
	}
}

// TestReusedUnfinishedPrompt: a prompt that was cancelled before its last chunk is shared too, into a slot that had
// another whole prompt before.
func TestReusedUnfinishedPrompt(t *testing.T) {
	torchtest.Setup(t)
	g := tinyGenerator(t, tinyLong(), torch.Float32, nil)
	long := letterText(1, 3*wideChunk+20)
	ask := func(prompt string, plain bool) ([]int32, core.Reply) {
		ids, replies := generateIDs(t, g, []core.GenerateRequest{{Prompt: prompt, Plain: plain, Sampling: core.Sampling{MaxNewTokens: 8}}})
		return ids[0], replies[0]
	}
	for i := range mostSlots {
		ask(letterText(10+i, 30), false)
	}
	ask(long, false)
	g.loop.work.Lock()
	free := 0
	for _, c := range g.loop.slots {
		if c.prompt == nil {
			free++
		}
		if len(c.prompt) == len(long) { // as a cancel leaves it
			c.prompt, c.whole, c.logits = c.prompt[:3*wideChunk], false, nil
		}
	}
	g.loop.work.Unlock()
	if free > 0 {
		t.Fatalf("%d slots were never used", free)
	}
	other := long[:wideChunk+10] + letterText(30, 20)
	got, r := ask(other, false)
	want, _ := ask(other, true)
	if r.ReusedTokens != wideChunk || !slices.Equal(got, want) {
		t.Errorf("reused %d tokens, answer %v, want %v", r.ReusedTokens, got, want)
	}
}

// letterText is n letters that depend on seed.
func letterText(seed, n int) string {
	b := make([]byte, n)
	for i, v := range hashUniform(string(rune('A'+seed)), n) {
		b[i] = byte('a' + int((v+1)*10)%20)
	}
	return string(b)
}

package rag_test

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/rag"
)

// hashEmbedder embeds a text as its hashed character pairs: a real vector space, if a crude one.
type hashEmbedder struct{ calls int }

func (e *hashEmbedder) Info() core.EmbedderInfo {
	return core.EmbedderInfo{ID: "hash", Name: "hash", Dimension: 512}
}
func (e *hashEmbedder) Close() error { return nil }
func (e *hashEmbedder) Embed(ctx context.Context, _ core.EmbedKind, texts []string) ([]core.Vector, error) {
	e.calls++
	out := make([]core.Vector, len(texts))
	for i, text := range texts {
		v := make(core.Vector, 512)
		for _, g := range pairs(text) {
			h := fnv.New32a()
			h.Write([]byte(g))
			v[h.Sum32()%512]++
		}
		sum := 0.0
		for _, x := range v {
			sum += float64(x * x)
		}
		for j := range v {
			v[j] /= float32(math.Sqrt(max(sum, 1)))
		}
		out[i] = v
	}
	return out, ctx.Err()
}

func pairs(text string) []string {
	rs := []rune(strings.ToLower(text))
	var out []string
	for i := 0; i+1 < len(rs); i++ {
		if g := string(rs[i : i+2]); !strings.ContainsAny(g, " \n。、？?.") {
			out = append(out, g)
		}
	}
	return out
}

// memory is a Searcher over pages cut into overlapping chunks.
type memory struct {
	chunks []core.Chunk
	names  map[string]string
	pages  map[string]string
	vecs   []core.Vector
}

const chunkSize, chunkOverlap = 70, 20

func newMemory(docs map[string]string, emb core.Embedder) *memory {
	m := &memory{names: map[string]string{}, pages: map[string]string{}}
	names := make([]string, 0, len(docs))
	for name := range docs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		id := core.DocumentID("/" + name)
		m.names[id], m.pages[id] = name, docs[name]
		m.chunks = append(m.chunks, cutChunks(id, docs[name], chunkSize, chunkOverlap)...)
	}
	var texts []string
	for _, c := range m.chunks {
		texts = append(texts, c.Text)
	}
	m.vecs, _ = emb.Embed(context.Background(), core.EmbedPassage, texts)
	return m
}

func cutChunks(id, text string, size, overlap int) []core.Chunk {
	rs := []rune(text)
	var out []core.Chunk
	for start := 0; start < len(rs); start += size - overlap {
		end := min(len(rs), start+size)
		out = append(out, core.Chunk{Document: id, Ordinal: len(out), Page: 1, Start: start, End: end, Text: string(rs[start:end])})
		if end == len(rs) {
			break
		}
	}
	return out
}

func (m *memory) Dense(ctx context.Context, _ string, v core.Vector, embedder string, k int) ([]core.Hit, error) {
	if embedder != "hash" {
		return nil, fmt.Errorf("vectors of %q: %w", embedder, core.ErrDimension)
	}
	return m.top(k, func(i int, h *core.Hit) float64 {
		for j := range v {
			h.Dense += float64(v[j] * m.vecs[i][j])
		}
		return h.Dense
	}), ctx.Err()
}

func (m *memory) Lexical(ctx context.Context, text string, k int) ([]core.Hit, error) {
	asked := pairs(text)
	return m.top(k, func(_ int, h *core.Hit) float64 {
		for _, g := range asked {
			if strings.Contains(strings.ToLower(h.Chunk.Text), g) {
				h.Lexical++
			}
		}
		h.Share = h.Lexical / float64(max(1, len(asked)))
		return h.Lexical
	}), ctx.Err()
}

func (m *memory) top(k int, score func(int, *core.Hit) float64) []core.Hit {
	type scored struct {
		core.Hit
		s float64
	}
	var all []scored
	for i, c := range m.chunks {
		h := core.Hit{Chunk: c, Name: m.names[c.Document]}
		if s := score(i, &h); s > 0 {
			all = append(all, scored{h, s})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.s, a.s) })
	var out []core.Hit
	for _, s := range all[:min(k, len(all))] {
		out = append(out, s.Hit)
	}
	return out
}

func (m *memory) Around(_ context.Context, c core.Chunk, n int) ([]core.Chunk, error) {
	var out []core.Chunk
	for _, o := range m.chunks {
		if o.Document == c.Document && o.Ordinal != c.Ordinal && o.Ordinal >= c.Ordinal-n && o.Ordinal <= c.Ordinal+n {
			out = append(out, o)
		}
	}
	return out, nil
}

func (m *memory) PageText(_ context.Context, document string, page int) (string, error) {
	text, ok := m.pages[document]
	if !ok || page != 1 {
		return "", core.ErrNotFound
	}
	return text, nil
}

// extractor is a Generator that reads its prompt: it answers with the sentence of the context that shares most character pairs with
// the question, or refuses when that is fewer than three. A token is a character.
type extractor struct {
	template  *rag.Template
	maxTokens int
	hidden    int
	calls     int    // CountTokens
	prompt    string // the last one
	say       string // answered instead, when set
	after     func() // called after the first delta
}

func (g *extractor) Info() core.GeneratorInfo {
	return core.GeneratorInfo{Name: "extractor", MaxTokens: g.maxTokens, Hidden: g.hidden}
}
func (g *extractor) Close() error { return nil }
func (g *extractor) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	g.calls++
	out := make([]int, len(texts))
	for i, text := range texts {
		out[i] = len([]rune(text))
	}
	return out, ctx.Err()
}

func (g *extractor) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(int, core.Delta) error) ([]core.Reply, error) {
	g.prompt = reqs[0].Prompt
	answer := g.say
	if answer == "" {
		parts := strings.Split(g.prompt, "-----------")
		context, question := []rune(parts[1]), parts[2]
		answer = g.template.Refusal()
		best := 2
		for _, s := range rag.Sentences(string(context)) {
			sentence := string(context[s.Start:s.End])
			shared := 0
			for _, p := range pairs(question) {
				if strings.Contains(sentence, p) {
					shared++
				}
			}
			if shared > best {
				best, answer = shared, sentence
			}
		}
	}
	reply := core.Reply{PromptTokens: len([]rune(g.prompt)), Stop: core.StopEnd}
	for i, r := range []rune(answer) {
		if err := ctx.Err(); err != nil {
			return []core.Reply{reply}, err
		}
		reply.Text += string(r)
		reply.NewTokens++
		reply.Tokens = append(reply.Tokens, int32(r))
		if err := emit(0, core.Delta{Text: string(r), Tokens: 1}); err != nil {
			return []core.Reply{reply}, err
		}
		if i == 0 && g.after != nil {
			g.after()
		}
	}
	return []core.Reply{reply}, nil
}

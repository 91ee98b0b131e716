package index_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

// TestSaid: by vectors that hardly tell it from others, a passage is found for the words of a question in the other language, in a collection in both scripts and where all
// are of the other; and for what else they are called in its own. A question without a word that is known keeps the order of the cosines. What is deleted is not found.
func TestSaid(t *testing.T) {
	ctx := context.Background()
	x := indextest.Open(t, t.TempDir())
	r := rand.New(rand.NewPCG(3, 5))
	topic := unit(r)
	topic[0], topic[1], topic[2] = 0, 0, 0
	// The languages lie no farther apart than an embedder has them: about two deviations.
	vector := func(ja bool, nearness float32) core.Vector { return apart(r, ja, topic, nearness, 0.4, 0.25) }
	inJapanese := func(text string) bool { return strings.ContainsAny(text, "はの") }
	put := func(coll, name string, nearness float32, other, asked string) {
		t.Helper()
		var texts []string
		for i := range 40 {
			texts = append(texts, fmt.Sprintf(other, i))
		}
		addAs(t, x, coll, name, func(i int) core.Vector { return vector(inJapanese(asked), map[bool]float32{i == 40: nearness}[true]) }, append(texts, asked)...)
	}
	garden := "庭の花は%d番目の鉢に植えてあります。水は朝にやることになっています。"
	window := "The window number %d of the hall looks out on the garden."
	bonus := "賞与は年に二回、六月と十二月に支給することになっています。"
	extinguisher := "The fire extinguisher hangs on the wall behind the stairs."
	const rounds = 20
	for i, c := range []struct {
		question string
		answer   string // the document whose last passage answers
		both     bool   // documents in both languages
		nearness float32
	}{
		{"When is the bonus paid?", "rules.txt", true, 0.25},
		{"消火器はどこの壁にありますか。", "notes.txt", true, 0.25},
		{"消火器はどこの壁にありますか。", "notes.txt", false, 0.15},
		{"ボーナスは何月に出ますか。", "rules.txt", true, 0.12},
	} {
		first, firstByCosine := 0, 0
		for round := range rounds {
			made, err := x.EnsureCollection(ctx, fmt.Sprint(i, round))
			if err != nil {
				t.Fatal(err)
			}
			near := map[string]float32{c.answer: c.nearness}
			put(made.ID, "notes.txt", near["notes.txt"], window, extinguisher)
			if c.both {
				put(made.ID, "rules.txt", near["rules.txt"], garden, bonus)
			}
			v := vector(inJapanese(c.question), 0.3)
			ask := func(asked string) []core.Hit {
				t.Helper()
				return search(t, x, made.ID, index.Query{Asked: asked, Vector: v, K: 10}).Dense
			}
			plain, hits := ask(""), ask(c.question)
			answers := func(h core.Hit) bool { return h.Name == c.answer && h.Chunk.Ordinal == 40 }
			if answers(plain[0]) {
				firstByCosine++
			}
			if answers(hits[0]) {
				first++
			}
			met := map[string]bool{}
			for i, h := range hits {
				if key := fmt.Sprint(h.Name, h.Chunk.Ordinal); met[key] {
					t.Fatalf("%s: twice: %s", c.question, key)
				} else {
					met[key] = true
				}
				if h.Dense > 1 || i > 0 && h.Dense+h.Shift > hits[i-1].Dense+hits[i-1].Shift {
					t.Fatalf("%s: place %d: %+v", c.question, i+1, h)
				}
			}
			if !c.both {
				for i, h := range ask("Qwrtz?") {
					if h.Shift != 0 || h.Chunk.Ordinal != plain[i].Chunk.Ordinal || h.Dense != plain[i].Dense {
						t.Fatalf("no word is known, place %d: %+v, by cosine %+v", i+1, h, plain[i])
					}
				}
			}
			at := slices.IndexFunc(hits, answers)
			if at < 0 {
				continue
			}
			if err := x.Remove(ctx, made.ID, hits[at].Chunk.Document); err != nil {
				t.Fatal(err)
			}
			for _, h := range ask(c.question) {
				if h.Name == c.answer {
					t.Fatalf("%s: deleted, and found: %+v", c.question, h)
				}
			}
		}
		if first < firstByCosine+rounds/4 {
			t.Errorf("%s: first in %d of %d, by cosine alone in %d", c.question, first, rounds, firstByCosine)
		}
	}
}

// TestGraphSaid: the same where the vectors are in a graph.
func TestGraphSaid(t *testing.T) { withGraph(t, TestSaid) }

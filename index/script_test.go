package index_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

// sided is a vector about a topic, in a language: axis 0 is English, axis 1 Japanese, axis 2 what all texts share, as embedders of several languages have it.
func sided(r *rand.Rand, ja bool, topic core.Vector, nearness float32) core.Vector {
	return apart(r, ja, topic, nearness, 0.1, 0.4)
}

// apart is sided with so much noise, and the languages so far apart.
func apart(r *rand.Rand, ja bool, topic core.Vector, nearness, noise, distance float32) core.Vector {
	v := unit(r)
	n := 0.0
	for i := range v {
		v[i] = v[i]*noise + nearness*topic[i]
	}
	v[2]++
	if ja {
		v[1] += distance
	} else {
		v[0] += distance
	}
	for _, f := range v {
		n += float64(f) * float64(f)
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(n))
	}
	return v
}

// TestOtherScript: asked in English, what stands out among Japanese passages comes before English ones that are near for their language alone, and
// the other way round; by cosine alone it does not. A collection in one script keeps its order, to the bit, where no word of the question is known.
func TestOtherScript(t *testing.T) {
	x := indextest.Open(t, t.TempDir())
	coll := collection(t, x)
	r := rand.New(rand.NewPCG(3, 5))
	topic := unit(r)
	topic[0], topic[1], topic[2] = 0, 0, 0
	put := func(name string, ja bool, texts []string, nearness func(i int) float32) {
		t.Helper()
		addAs(t, x, coll, name, func(i int) core.Vector { return sided(r, ja, topic, nearness(i)) }, texts...)
	}
	texts := func(n int, form string) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(form, i))
		}
		return out
	}
	near := func(at int) func(int) float32 {
		return func(i int) float32 {
			if i == at {
				return 0.45
			}
			return 0
		}
	}
	put("english.txt", false, texts(400, "The desk number %d is for visitors who have come to see the team."), near(-1))
	ask := func(ja bool, q index.Query) []core.Hit {
		t.Helper()
		q.Vector, q.K = sided(rand.New(rand.NewPCG(8, 8)), ja, topic, 0.45), 10
		return search(t, x, coll, q).Dense
	}
	plain, alone := ask(false, index.Query{}), ask(false, index.Query{Asked: "Qwrtz?"}) // no word of it is known
	for i := range plain {
		if plain[i].Chunk.Ordinal != alone[i].Chunk.Ordinal || alone[i].Shift != 0 || alone[i].Dense != plain[i].Dense {
			t.Fatalf("in one script, place %d: %+v, by cosine %+v", i, alone[i], plain[i])
		}
	}

	put("japanese.txt", true, texts(400, "受付の番号は%d番で、来客がある場合にはこちらから係の者を呼ぶことになっています。"), near(123))
	put("english-answer.txt", false, texts(20, "The gate number %d opens when the guard has seen the badge of the guest."), near(7))
	find := func(hits []core.Hit, name string, ordinal int) int {
		for i, h := range hits {
			if h.Name == name && h.Chunk.Ordinal == ordinal {
				return i + 1
			}
		}
		return 0
	}
	for _, c := range []struct {
		asked    string
		ja       bool
		document string
		ordinal  int
	}{{"Qwrtz?", false, "japanese.txt", 123}, {"ゑゐゑゐ?", true, "english-answer.txt", 7}} /* no word of them is known: by vectors alone */ {
		if at := find(ask(c.ja, index.Query{}), c.document, c.ordinal); at != 0 {
			t.Errorf("%s: at place %d by cosine alone: nothing to show", c.asked, at)
		}
		hits := ask(c.ja, index.Query{Asked: c.asked})
		at := find(hits, c.document, c.ordinal)
		if at == 0 || at > 2 {
			t.Errorf("%s: at place %d, want among the first two of %d", c.asked, at, len(hits))
			continue
		}
		h := hits[at-1]
		if h.Shift <= 0 || h.DenseRank != at || h.Dense > 1 {
			t.Errorf("%s: %+v", c.asked, h)
		}
		for i := 1; i < len(hits); i++ {
			if hits[i].Dense+hits[i].Shift > hits[i-1].Dense+hits[i-1].Shift {
				t.Errorf("%s: place %d is nearer than the one before it", c.asked, i+1)
			}
			if japanese := strings.Contains(hits[i].Chunk.Text, "受付"); japanese == c.ja && hits[i].Shift != 0 {
				t.Errorf("%s: a passage in its own script is shifted: %+v", c.asked, hits[i])
			}
		}
	}
}

// TestOtherScriptOnce: passages that are found both ways, near the question and near what it is in the other script, come once, also where many are equally near.
func TestOtherScriptOnce(t *testing.T) {
	ctx := context.Background()
	x := indextest.Open(t, t.TempDir())
	coll := collection(t, x)
	r := rand.New(rand.NewPCG(11, 5))
	topic := unit(r)
	topic[0], topic[1], topic[2] = 0, 0, 0
	for name, ja := range map[string]bool{"english.txt": false, "japanese.txt": true} {
		form := "The desk number %d is for visitors who have come to see the team."
		if ja {
			form = "受付の番号は%d番で、来客がある場合にはこちらから係の者を呼ぶことになっています。"
		}
		var texts []string
		for i := range 24 {
			texts = append(texts, fmt.Sprintf(form, i))
		}
		kinds := []core.Vector{sided(r, ja, topic, 0.3), sided(r, ja, topic, 0.1), sided(r, ja, topic, 0)}
		addAs(t, x, coll, name, func(i int) core.Vector { return kinds[i%len(kinds)] }, texts...) // eight of each
	}
	for _, asked := range []string{"Where do guests go?", "お客さんはどこへ行けばよいですか。"} {
		query := sided(r, asked[0] > 127, topic, 0.3)
		hits := search(t, x, coll, index.Query{Asked: asked, Vector: query, K: 40}).Dense
		met := map[string]bool{}
		for _, h := range hits {
			at := fmt.Sprint(h.Name, h.Chunk.Ordinal)
			if met[at] {
				t.Errorf("%s: %s twice", asked, at)
			}
			met[at] = true
		}
		if len(met) != 40 {
			t.Errorf("%s: %d hits of 40", asked, len(met))
		}
		var wg sync.WaitGroup // side by side they find the same as alone
		for range 4 {
			wg.Go(func() {
				r, err := x.Search(ctx, coll, index.Query{Asked: asked, Vector: query, Embedder: embedder.ID, K: 40})
				if err != nil || !reflect.DeepEqual(r.Dense, hits) {
					t.Errorf("%s: beside others %d hits, %v", asked, len(r.Dense), err)
				}
			})
		}
		wg.Wait()
	}
}

func TestGraphOtherScriptOnce(t *testing.T) { withGraph(t, TestOtherScriptOnce) }

func TestGraphOtherScript(t *testing.T) { withGraph(t, TestOtherScript) }

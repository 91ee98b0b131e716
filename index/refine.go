package index

import (
	"cmp"
	"slices"
	"unicode"

	"kakoi/core"
	"kakoi/index/words"
)

// The best candidates of a scan are looked at again, with their texts: what stands together in the question and in the text counts more, and pairs of
// kanji that the question and the text cut differently count less. 京都 is not in 東京都, though its two characters are.

const (
	// moreCandidates are looked at beyond those asked for, of leastCandidates at least.
	moreCandidates  = 30
	leastCandidates = 50

	// phraseWeight is what two terms that follow each other as in the question count, in parts of the smaller idf.
	phraseWeight = 0.3
	// crossWeight is what a pair of kanji counts where it is cut otherwise than in the question, in parts of a pair that is not.
	crossWeight = 0.25
)

// main is a word, or a pair of characters of a script without spaces, at its place in a text.
type main struct {
	hash       uint32
	start, end int  // runes
	pair       bool // of characters
	kanji      bool // both of them
}

// mains gives the words and pairs of a folded text in their order.
func mains(runes []rune) []main {
	var out []main
	for i := 0; i < len(runes); i++ {
		switch classOf(runes[i]) {
		case classWord:
			start := i
			for i < len(runes) && classOf(runes[i]) == classWord {
				i++
			}
			out = append(out, main{hash: hashWord(runes[start:i]), start: start, end: i})
			i--
		case classCJK:
			next := i + 1
			if next+1 < len(runes) && runes[next] == '\n' {
				next++ // as in eachCJK
			}
			if next < len(runes) && classOf(runes[next]) == classCJK {
				a, b := runes[i], runes[next]
				out = append(out, main{hash: hashPair(a, b), start: i, end: next + 1, pair: true, kanji: unicode.Is(unicode.Han, a) && unicode.Is(unicode.Han, b)})
			}
		}
	}
	return out
}

// follows says whether b stands right behind a: the next pair of the same run, or the next word.
func follows(runes []rune, a, b main) bool {
	if a.pair != b.pair {
		return false
	}
	if a.pair {
		return b.start == a.end-1
	}
	for _, r := range runes[a.end:b.start] {
		if r == '\n' || r == '.' || r == ';' || unicode.IsLetter(r) {
			return false
		}
	}
	return b.start-a.end <= 2
}

// question is what refine knows of a question.
type question struct {
	idf     map[uint32]float64
	phrases map[[2]uint32]bool
	whole   map[uint32]bool // pairs of kanji that lie within a word
	cut     map[uint32]bool // those that two words meet in; a pair may be both
}

func newQuestion(text string, terms []queryTerm, idf []float64) (*question, error) {
	q := &question{idf: map[uint32]float64{}, phrases: map[[2]uint32]bool{}, whole: map[uint32]bool{}, cut: map[uint32]bool{}}
	for i, t := range terms {
		q.idf[t.hash] = idf[i]
	}
	runes := foldRunes(text)
	ms := mains(runes)
	for i := 1; i < len(ms); i++ {
		if follows(runes, ms[i-1], ms[i]) {
			q.phrases[[2]uint32{ms[i-1].hash, ms[i].hash}] = true
		}
	}
	return q, cutsAt(runes, ms, func(m main) bool { return m.kanji }, func(m main, cut bool) {
		if cut {
			q.cut[m.hash] = true
		} else {
			q.whole[m.hash] = true
		}
	})
}

// cutsAt tells for the wanted pairs whether a word ends between their characters.
func cutsAt(runes []rune, ms []main, wanted func(main) bool, tell func(m main, cut bool)) error {
	for i := 0; i < len(ms); {
		if !ms[i].pair {
			i++
			continue
		}
		n, any := i, wanted(ms[i]) // ms[i:n+1] is one run
		for n+1 < len(ms) && follows(runes, ms[n], ms[n+1]) {
			n++
			any = any || wanted(ms[n])
		}
		if any {
			from := ms[i].start
			run := make([]rune, 0, ms[n].end-from) // without line breaks
			at := make([]int, 0, ms[n].end-from)   // place in run of each rune
			for _, r := range runes[from:ms[n].end] {
				at = append(at, len(run))
				if r != '\n' {
					run = append(run, r)
				}
			}
			cuts, err := words.Cuts(run)
			if err != nil {
				return err
			}
			for ; i <= n; i++ {
				if wanted(ms[i]) {
					tell(ms[i], cuts[at[ms[i].end-1-from]])
				}
			}
		}
		i = n + 1
	}
	return nil
}

// gain is what a text's score changes by.
func (q *question) gain(text string, how scanned) (float64, error) {
	runes := foldRunes(text)
	ms := mains(runes)
	length := 0
	eachTerm(text, func(_ uint32, kind termKind, _ rune) {
		if kind == termWord || kind == termBigram {
			length++
		}
	})
	type count struct{ all, other float64 }
	counts := map[uint32]count{}
	elsewhere := map[int]bool{} // starts of pairs that are cut otherwise here
	err := cutsAt(runes, ms, func(m main) bool { return m.kanji && (q.whole[m.hash] || q.cut[m.hash]) }, func(m main, cut bool) {
		c := counts[m.hash]
		c.all++
		if cut && !q.cut[m.hash] || !cut && !q.whole[m.hash] {
			c.other++
			elsewhere[m.start] = true
		}
		counts[m.hash] = c
	})
	gain := 0.0
	met := map[[2]uint32]bool{}
	for i := 1; i < len(ms); i++ {
		a, b := ms[i-1], ms[i]
		two := [2]uint32{a.hash, b.hash}
		if q.phrases[two] && !met[two] && !elsewhere[a.start] && !elsewhere[b.start] && follows(runes, a, b) {
			met[two] = true
			gain += phraseWeight * min(q.idf[two[0]], q.idf[two[1]])
		}
	}
	for _, hash := range sorted(counts) {
		c := counts[hash]
		if c.other > 0 {
			gain -= (1 - crossWeight) * q.idf[hash] * (how.saturated(c.all, float64(length)) - how.saturated(c.all-c.other, float64(length)))
		}
	}
	return gain, err
}

// sorted are the keys in their order, so that sums are the same in every run.
func sorted[V any](m map[uint32]V) []uint32 {
	keys := make([]uint32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// refine orders the hits of a scan anew and keeps the k best.
func refine(text string, terms []queryTerm, how scanned, hits []core.Hit, k int) ([]core.Hit, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	q, err := newQuestion(text, terms, how.idf)
	if err != nil {
		return nil, err
	}
	most, names := how.most(terms, false), 0.0
	if scriptOf(text) == japanese {
		names = how.most(terms, true)
	}
	for i := range hits {
		gain, err := q.gain(hits[i].Chunk.Text, how)
		if err != nil {
			return nil, err
		}
		hits[i].Lexical = max(0, hits[i].Lexical+gain)
		of := most
		if names > 0 && scriptOf(hits[i].Chunk.Text) == latin {
			of = names // the question's other words cannot be there
		}
		hits[i].Share = min(1, hits[i].Lexical/of)
	}
	slices.SortStableFunc(hits, func(a, b core.Hit) int { return cmp.Compare(b.Lexical, a.Lexical) })
	hits = hits[:min(k, len(hits))]
	for i := range hits {
		hits[i].LexicalRank = i + 1
	}
	return hits, nil
}

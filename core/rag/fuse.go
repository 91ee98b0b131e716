package rag

import (
	"cmp"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"kakoi/core"
)

const (
	// lexicalWeight is the part of a fused score that the words decide. Tuned, see docs/decisions/0025.
	lexicalWeight = 0.5
	// namesWeight is that part where a question meets a text in other letters: what both have are names and codes.
	namesWeight = 0.3
	// foreignHits are the hits by meaning that tell what the documents are written in.
	foreignHits = 5
)

// Finding counts the ways of finding passages for a question: it is raised whenever the same library would give other passages than before. Rows for
// training that were made in an earlier way have other prompts than a chat has now.
//
//	1  fusion by scores (the first that is counted)
//	2  in collections in two scripts each script is searched by meaning and counted by itself
//	3  words of the question are known in the other language, and by what else they are called
const Finding = 3

type chunkKey struct {
	document string
	ordinal  int
}

// Fuse merges the results of dense and lexical search, each best first, by a convex combination of their scores (Bruch, Gai and Ingber 2023, who found
// it better than ranks alone): the cosine from 0 at the last to 1 at the first of the dense hits; BM25 as its part of the best one, times the root of the part
// that this has of what all the question's words could give. So words that hardly occur in the documents decide little, and those that all stand together
// much. The more of what is found by meaning is written in other letters than the question, the less do words count that stand in the question's own:
// a text in its language is then hardly ever what is sought. Words in the other texts are names and codes, and count by themselves. A chunk that one
// search did not find has 0 of it. With one list alone its order stays.
//
// Every chunk appears once, with the scores and ranks it has in either list. Best first; ties go to the better single rank, then the cosine, then reading
// order. Of two versions of one file that say nearly the same the newer one stands first.
func Fuse(question string, dense, lexical []core.Hit) []core.Hit {
	asked := inJapanese(question)
	weight := lexicalWeight * (1 - foreign(asked, dense))
	byMeaning := 1 - weight
	other := func(h core.Hit) bool { return len(dense) > 0 && inJapanese(h.Chunk.Text) != asked }
	for _, h := range lexical {
		if other(h) {
			byMeaning = min(byMeaning, 1-namesWeight)
		}
	}
	out := make([]core.Hit, 0, len(dense)+len(lexical))
	at := make(map[chunkKey]int, cap(out))
	place := func(h core.Hit) *core.Hit {
		key := chunkKey{h.Chunk.Document, h.Chunk.Ordinal}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, core.Hit{Chunk: h.Chunk, Name: h.Name, Modified: h.Modified})
		}
		return &out[i]
	}
	if len(dense) > 0 {
		first, last := nearness(dense[0]), nearness(dense[len(dense)-1])
		for i, h := range dense {
			if f := place(h); f.DenseRank == 0 {
				part := 1.0
				if first > last {
					part = (nearness(h) - last) / (first - last)
				}
				f.Dense, f.Shift, f.DenseRank = h.Dense, h.Shift, i+1
				f.Score += byMeaning * part
			}
		}
	}
	for i, h := range lexical {
		if f := place(h); f.LexicalRank == 0 {
			f.Lexical, f.Share, f.LexicalRank = h.Lexical, h.Share, i+1
			best, share := lexical[0], lexical[0].Share
			own := weight
			if other(h) {
				own, share = namesWeight, h.Share
			}
			if best.Lexical > 0 {
				f.Score += own * math.Sqrt(share) * h.Lexical / best.Lexical
			}
		}
	}
	slices.SortStableFunc(out, func(a, b core.Hit) int {
		return cmp.Or(
			cmp.Compare(b.Score, a.Score),
			cmp.Compare(bestRank(a), bestRank(b)),
			cmp.Compare(b.Dense, a.Dense),
			cmp.Compare(a.Chunk.Document, b.Chunk.Document),
			cmp.Compare(a.Chunk.Ordinal, b.Chunk.Ordinal),
		)
	})
	newerFirst(out)
	return out
}

// nearness is how near a dense hit is, whatever it is written in.
func nearness(h core.Hit) float64 { return h.Dense + h.Shift }

// foreign is the part of the first dense hits that are written in other letters than the question: Latin and others against Japanese.
func foreign(asked bool, dense []core.Hit) float64 {
	first := dense[:min(foreignHits, len(dense))]
	if len(first) == 0 {
		return 0
	}
	other := 0
	for _, h := range first {
		if h.Chunk.Text != "" && inJapanese(h.Chunk.Text) != asked {
			other++
		}
	}
	return float64(other) / float64(len(first))
}

// inJapanese says whether a text is written in Japanese; an English term or two in a sentence do not matter.
func inJapanese(text string) bool {
	letters, ours := 0, 0
	for _, r := range text {
		if isCJK(r) {
			ours++
		}
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return ours*4 > letters
}

func bestRank(h core.Hit) int {
	switch {
	case h.DenseRank == 0:
		return h.LexicalRank
	case h.LexicalRank == 0:
		return h.DenseRank
	}
	return min(h.DenseRank, h.LexicalRank)
}

const (
	// nearScore is how near the scores of two versions are, for the newer one to go first.
	nearScore = 0.1
	// nearText is the part of the pairs of characters that two versions of a chunk share at least.
	nearText = 0.6
)

// newerFirst changes places and scores of two hits (best first) where the lower one is of a newer version of the same file, as near in score as in text.
func newerFirst(hits []core.Hit) {
	for i := range hits {
		for j := i + 1; j < len(hits) && hits[i].Score-hits[j].Score <= nearScore; j++ {
			a, b := &hits[i], &hits[j]
			if a.Chunk.Document == b.Chunk.Document || !b.Modified.After(a.Modified) || family(a.Name) != family(b.Name) || likeness(a.Chunk.Text, b.Chunk.Text) < nearText {
				continue
			}
			a.Score, b.Score = b.Score, a.Score
			*a, *b = *b, *a
		}
	}
}

// version is what tells versions of a file apart in its name: v2, 第3版, (1), 2024-05-01, 改訂版, final, コピー.
var version = regexp.MustCompile(`(?i)[\s_\-.]*(\(\d+\)|（\d+）|ver\.?\s*[\d.]+|v\d[\d.]*|rev\.?\s*\d+|第?\d+版|(19|20)\d{2}([-_./年]?\d{1,2}){0,2}([月日度年]*)|改訂版?|改定版?|最新版?|旧版?|新版?|のコピー|コピー|[\s_\-.](final|draft|copy|old|new)\b)`)

// family is a file's name without its folder, its ending and its version.
func family(name string) string {
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if bare := strings.Trim(version.ReplaceAllString(base, ""), " _-.　"); bare != "" {
		return strings.ToLower(bare)
	}
	return strings.ToLower(base)
}

// likeness is the part of the different pairs of characters of two texts that both have (Jaccard).
func likeness(a, b string) float64 {
	pairs := func(text string) map[[2]rune]bool {
		m := map[[2]rune]bool{}
		before := rune(0)
		for _, r := range squeeze(text) {
			m[[2]rune{before, r}] = true
			before = r
		}
		return m
	}
	x, y := pairs(a), pairs(b)
	both := 0
	for p := range x {
		if y[p] {
			both++
		}
	}
	return float64(both) / float64(max(1, len(x)+len(y)-both))
}

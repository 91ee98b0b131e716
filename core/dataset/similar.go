package dataset

import (
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
)

// Near-duplicates: rows whose question and answer share sameShare of their letter triples, and have the same numbers and codes. Candidates
// are found by MinHash (Broder, 1997): signatures of bands*bandRows numbers, those that agree in a band are compared in full.
const (
	sameShare = 0.8
	bands     = 16
	bandRows  = 3
)

// similar finds near-duplicates of what it has been shown.
type similar struct {
	shown   []print
	buckets [bands]map[uint64][]int
}

// print is a text as it is compared.
type print struct {
	grams []uint64 // sorted, each once
	codes string   // its numbers and codes, sorted
}

var unmarked = strings.NewReplacer("。", "", "、", "", "?", "", "!", "", "「", "", "」", "")

var codeWord = regexp.MustCompile(`[a-z]*[0-9][a-z0-9.:/-]*`)

func printOf(question, answer string) print {
	text := unmarked.Replace(fold(question)) + "\n" + unmarked.Replace(fold(answer))
	codes := codeWord.FindAllString(text, -1)
	slices.Sort(codes)
	rs := []rune(text)
	var p print
	for i := 0; i+3 <= len(rs); i++ {
		h := fnv.New64a()
		h.Write([]byte(string(rs[i : i+3])))
		p.grams = append(p.grams, h.Sum64())
	}
	slices.Sort(p.grams)
	p.grams = slices.Compact(p.grams)
	p.codes = strings.Join(codes, " ")
	return p
}

// seen says whether something like it was shown before; if not, it is now.
func (s *similar) seen(question, answer string) bool {
	p := printOf(question, answer)
	signature := minHash(p.grams)
	var keys [bands]uint64
	for b := range bands {
		h := fnv.New64a()
		for _, v := range signature[b*bandRows : (b+1)*bandRows] {
			var raw [8]byte
			for i := range raw {
				raw[i] = byte(v >> (8 * i))
			}
			h.Write(raw[:])
		}
		keys[b] = h.Sum64()
		for _, i := range s.buckets[b][keys[b]] {
			if p.codes == s.shown[i].codes && jaccard(p.grams, s.shown[i].grams) >= sameShare {
				return true
			}
		}
	}
	for b := range bands {
		if s.buckets[b] == nil {
			s.buckets[b] = map[uint64][]int{}
		}
		s.buckets[b][keys[b]] = append(s.buckets[b][keys[b]], len(s.shown))
	}
	s.shown = append(s.shown, p)
	return false
}

// minHash is the least value of each of the hash functions over the grams.
func minHash(grams []uint64) [bands * bandRows]uint64 {
	var out [bands * bandRows]uint64
	for i := range out {
		out[i] = ^uint64(0)
		salt := uint64(i+1) * 0x9e3779b97f4a7c15
		for _, g := range grams {
			x := g ^ salt // the finaliser of SplitMix64
			x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
			x = (x ^ x>>27) * 0x94d049bb133111eb
			out[i] = min(out[i], x^x>>31)
		}
	}
	return out
}

// jaccard is the share of two sorted sets that both have.
func jaccard(a, b []uint64) float64 {
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			both, i, j = both+1, i+1, j+1
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	if all := len(a) + len(b) - both; all > 0 {
		return float64(both) / float64(all)
	}
	return 1
}

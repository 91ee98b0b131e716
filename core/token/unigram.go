package token

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"kakoi/core"
)

// unkPenalty is subtracted from the lowest score for a character no piece covers.
const unkPenalty = 10

// unigram is a Unigram language model (Kudo, 2018, arXiv:1804.10959): the segmentation of highest total score, found
// as sentencepiece's EncodeOptimized does.
type unigram struct {
	pieces  []string
	scores  []float64
	trie    *trie
	unk     int32
	unkCost float64     // score of an unknown character
	bytes   *[256]int32 // ids of <0x00>..<0xFF>; nil without byte fallback
	user    map[int32]bool
	maximum float64 // largest score of a normal piece
	single  bool    // path scores are kept in float32, as sentencepiece does
}

// newUnigramSpiece takes over a sentencepiece model.
func newUnigramSpiece(m *spiece) (*unigram, error) {
	if m.modelType != 1 {
		return nil, core.Explain(fmt.Errorf("sentencepiece model type %d: %w", m.modelType, core.ErrUnsupported), "error.model.tokenizer.kind")
	}
	u := &unigram{unk: -1, user: map[int32]bool{}, maximum: -math.MaxFloat32, single: true}
	minimum := float32(math.MaxFloat32)
	total := 0
	for _, p := range m.pieces {
		total += len(p.text)
	}
	u.trie = newTrie(total / 2) // prefixes are shared
	var table [256]int32
	nBytes := 0
	entries := make([]entry, 0, len(m.pieces))
	for i, p := range m.pieces {
		id := int32(i)
		u.pieces, u.scores = append(u.pieces, p.text), append(u.scores, float64(p.score))
		switch p.kind {
		case kindUnknown:
			u.unk = id
		case kindByte:
			if b, ok := byteOf(p.text); ok {
				table[b] = id
				nBytes++
			}
		case kindNormal:
			minimum = min(minimum, p.score)
			u.maximum = max(u.maximum, float64(p.score))
			entries = append(entries, newEntry(p.text, id, i))
		case kindUser:
			u.user[id] = true
			entries = append(entries, newEntry(p.text, id, i))
		}
	}
	u.trie.addAll(entries)
	if err := u.trie.err(); err != nil {
		return nil, core.Explain(fmt.Errorf("read spiece.model: %w", err), "error.model.tokenizer.broken")
	}
	if u.unk < 0 {
		return nil, core.Explain(fmt.Errorf("read spiece.model: no unknown piece: %w", core.ErrCorrupt), "error.model.tokenizer.broken")
	}
	if m.byteFallback && nBytes == 256 {
		u.bytes = &table
	}
	u.unkCost = float64(minimum - unkPenalty)
	return u, nil
}

// byteOf reads a byte piece, <0x00> to <0xFF>.
func byteOf(text string) (byte, bool) {
	if len(text) != 6 || text[:3] != "<0x" || text[5] != '>' {
		return 0, false
	}
	v, err := strconv.ParseUint(text[3:5], 16, 8)
	return byte(v), err == nil
}

// step is the best path that ends at a byte.
type step struct {
	score float64
	start int32 // -1: none yet
	id    int32
}

var paths = sync.Pool{New: func() any { return new([]step) }}

// encode appends the ids of normalised text.
func (u *unigram) encode(ids []int32, text []byte) []int32 {
	if len(text) == 0 {
		return ids
	}
	buf := paths.Get().(*[]step)
	defer paths.Put(buf)
	if cap(*buf) <= len(text) {
		*buf = make([]step, len(text)+1)
	}
	best := (*buf)[:len(text)+1]
	for i := range best {
		best[i] = step{start: -1}
	}
	u.search(best, text)

	// Backwards along the best path, then the other way round; unknown neighbours are one piece.
	from := len(ids)
	for end := int32(len(text)); end > 0; {
		s := best[end]
		start := s.start
		if s.id != u.unk {
			ids = append(ids, s.id)
		} else {
			for start > 0 && best[start].id == u.unk {
				start = best[start].start
			}
			ids = u.unknown(ids, text[start:end])
		}
		end = start
	}
	slices.Reverse(ids[from:])
	return ids
}

// unknown appends, last byte first, what a stretch that no piece covers becomes.
func (u *unigram) unknown(ids []int32, text []byte) []int32 {
	// Hugging Face's library looks the joined stretch up once more: the text "<unk>" is the unknown piece.
	if !u.single {
		if id := u.trie.find(string(text)); id >= 0 {
			return append(ids, id)
		}
	}
	if u.bytes == nil {
		return append(ids, u.unk)
	}
	for _, c := range slices.Backward(text) {
		ids = append(ids, u.bytes[c])
	}
	return ids
}

func (u *unigram) search(best []step, text []byte) {
	for at := 0; at < len(text); {
		here := best[at].score
		size := runeSize(text[at:])
		covered := false
		node := int32(0)
		for i := at; i < len(text); i++ {
			if node = u.trie.child(node, text[i]); node == 0 {
				break
			}
			id := u.trie.ids[node]
			if id < 0 {
				continue
			}
			score := u.scores[id]
			if u.single && u.user[id] {
				score = float64(float32(i+1-at)*float32(u.maximum)) - 0.1
			}
			u.relax(&best[i+1], here+score, at, id)
			covered = covered || i+1-at == size
		}
		if !covered {
			cost := here + u.unkCost
			if u.single {
				cost = float64(float32(cost))
			}
			u.relax(&best[at+size], cost, at, u.unk)
		}
		at += size
	}
}

func (u *unigram) relax(target *step, score float64, start int, id int32) {
	if target.start >= 0 && score <= target.score {
		return
	}
	if u.single {
		score = float64(float32(score))
	}
	*target = step{score: score, start: int32(start), id: id}
}

// runeSize is the length of the character text begins with; a stray byte counts as one.
func runeSize(text []byte) int {
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, size := utf8.DecodeRune(text)
	return size
}

package index

import (
	"slices"
	"unicode"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"golang.org/x/text/unicode/norm"
)

// termKind says what a term stands for; queries choose among them.
type termKind byte

const (
	termWord   termKind = iota // a word or number of a script with spaces, a product code, or a part of one; an emoji
	termBigram                 // two neighbouring characters of a script without spaces
	termSingle                 // one such character
	termLone                   // one such character that stands alone
)

// eachTerm cuts a text into hashed terms. NFKC folds width and half-width kana, then case is folded, older forms of kanji become those of today, and
// invisible characters and variants of dashes go. Words of Latin letters give their English stem (Porter's second stemmer). Bigrams never cross the border between Latin and CJK, so a code glued to
// Japanese is a word: 型番XK-2041を gives 型番, xk, 2041, xk2041, を. Joined words (XK-2041, 2024/05/01, 1,234) give
// their parts, each neighbouring pair and the whole, without the joiners: XK2041 and XK-2041 find each other.
func eachTerm(text string, yield func(hash uint32, kind termKind, r rune)) {
	runes := foldRunes(text)
	for i := 0; i < len(runes); {
		switch c := classOf(runes[i]); c {
		case classWord:
			i = eachWord(runes, i, yield)
		case classCJK:
			i = eachCJK(runes, i, yield)
		case classSymbol:
			yield(hashRunes(runes[i:i+1]), termWord, runes[i])
			i++
		default:
			i++
		}
	}
}

type runeClass byte

const (
	classNone runeClass = iota
	classWord
	classCJK
	classSymbol
)

// spaceless scripts are written without spaces between words.
var spaceless = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Yi,
}

func classOf(r rune) runeClass {
	switch {
	case r < 0x80:
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return classWord
		}
		return classNone
	case r == 'ー' || r == '々' || r == '〆' || r == '〇' || unicode.In(r, spaceless...):
		return classCJK
	case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
		return classWord
	case unicode.Is(unicode.So, r):
		return classSymbol
	}
	return classNone
}

func asciiWord(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' }
func digit(r rune) bool     { return '0' <= r && r <= '9' }

func foldRunes(text string) []rune {
	runes := []rune(norm.NFKC.String(text))
	out := runes[:0]
	for _, r := range runes {
		switch {
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case r < 0x80:
		case r >= 0x2010 && r <= 0x2015, r == 0x2212, r == 0x2043:
			r = '-'
		case r == 0x00ad, r >= 0x200b && r <= 0x200d, r == 0x2060, r == 0xfeff,
			r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef: // soft hyphen, zero width, variation selectors
			continue
		default:
			if r = unicode.ToLower(r); r >= 0x30a1 { // what variants has; a look-up for each character would be a third of the work
				if today, ok := variants[r]; ok {
					r = today
				}
			}
		}
		out = append(out, r)
	}
	out = foldVoiced(out)
	for i := 1; i+1 < len(out); i++ { // the long-vowel mark typed for a dash: XKー2041
		if out[i] == 'ー' && asciiWord(out[i-1]) && asciiWord(out[i+1]) {
			out[i] = '-'
		}
	}
	return out
}

// foldVoiced writes ヴァ as バ and so on, in place.
func foldVoiced(runes []rune) []rune {
	if !slices.Contains(runes, 'ヴ') {
		return runes
	}
	out := runes[:0]
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		if r == 'ヴ' {
			r = 'ブ'
			if i+1 < len(runes) {
				if b, ok := voiced[runes[i+1]]; ok {
					r, i = b, i+1
				}
			}
		}
		out = append(out, r)
	}
	return out
}

// joins says whether r holds the words at its sides together.
func joins(r, before, after rune) bool {
	switch r {
	case '-', '_', '/', '.', '\'', '’', '&', '+', '@', ':':
		return classOf(after) == classWord
	case ',':
		return digit(before) && digit(after)
	}
	return false
}

const maxJoined = 8 // words: longer chains (paths, tables of numbers) give their words and pairs only

// eachWord yields the terms of the word, or chain of joined words, that starts at i, and gives its end.
func eachWord(runes []rune, i int, yield func(uint32, termKind, rune)) int {
	type span struct{ start, end int }
	var words []span
	for {
		start := i
		for i < len(runes) && classOf(runes[i]) == classWord {
			i++
		}
		words = append(words, span{start, i})
		if i+1 >= len(runes) || !joins(runes[i], runes[i-1], runes[i+1]) {
			break
		}
		i++
	}
	var joined []rune
	emit := func(first, last int) { // words first..last without joiners; short numbers keep them: 1-2 is not 12
		joined = joined[:0]
		digits, decimal := true, false
		for w := first; w <= last; w++ {
			for _, r := range runes[words[w].start:words[w].end] {
				joined = append(joined, r)
				digits = digits && digit(r)
			}
			decimal = decimal || w < last && runes[words[w].end] == '.'
		}
		comma := runes[words[first].end] == ','
		if first < last && digits && !comma && (decimal || len(joined) < 6) {
			joined = append(joined[:0], runes[words[first].start:words[last].end]...)
			for i, r := range joined {
				if !digit(r) && r != '.' {
					joined[i] = '-' // 05/01 is 05-01
				}
			}
		}
		yield(hashWord(joined), termWord, joined[0])
	}
	for w, s := range words {
		word := runes[s.start:s.end]
		yield(hashWord(word), termWord, word[0])
		for from, at := 0, 1; at <= len(word); at++ { // letters and digits of XK2041 on their own
			if at == len(word) || digit(word[at]) != digit(word[at-1]) {
				if from > 0 || at < len(word) {
					yield(hashRunes(word[from:at]), termWord, word[from])
				}
				from = at
			}
		}
		if w > 0 {
			emit(w-1, w)
		}
	}
	if len(words) > 2 && len(words) <= maxJoined {
		emit(0, len(words)-1)
	}
	return i
}

// eachCJK yields the bigrams and single characters of the run that starts at i, and gives its end. One line break between two such
// characters is not a border: PDF and mail text breaks lines inside words.
func eachCJK(runes []rune, i int, yield func(uint32, termKind, rune)) int {
	n, previous := 0, rune(0)
	for {
		r := runes[i]
		if n > 0 {
			yield(hashPair(previous, r), termBigram, r)
		}
		yield(hashRunes(runes[i:i+1]), termSingle, r)
		n++
		previous = r
		i++
		if next := i; next < len(runes) && classOf(runes[next]) == classCJK {
			continue
		} else if next+1 < len(runes) && runes[next] == '\n' && classOf(runes[next+1]) == classCJK {
			i++
			continue
		}
		if n == 1 {
			yield(hashRunes(runes[i-1:i]), termLone, r)
		}
		return i
	}
}

// hashWord is the hash of a word's stem, where it is of Latin letters alone.
func hashWord(word []rune) uint32 {
	if len(word) < 3 {
		return hashRunes(word)
	}
	for _, r := range word {
		if r < 'a' || r > 'z' {
			return hashRunes(word)
		}
	}
	env := snowballstem.NewEnv(string(word))
	english.Stem(env)
	return hashRunes([]rune(env.Current()))
}

func hashRunes(runes []rune) uint32 {
	h := uint64(14695981039346656037) // FNV-1a, 64 bit
	for _, r := range runes {
		h = (h ^ uint64(r)) * 1099511628211
	}
	return mix(h)
}

func hashPair(a, b rune) uint32 { return mix(uint64(a)<<32 | uint64(b)) }

// mix is the finaliser of SplitMix64, its upper half.
func mix(h uint64) uint32 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return uint32((h ^ h>>31) >> 32)
}

// What a pair of characters counts in a question, in parts of its idf, where it holds hiragana: most of it is grammar (ですか, の), and what is asked
// with is seldom what is written. Tuned, see docs/decisions/0025.
const (
	kanaPair  = 0.2 // of two hiragana
	mixedPair = 0.5 // of hiragana and something else
)

// queryTerm is a term that a question is searched by.
type queryTerm struct {
	hash   uint32
	weight float64 // of its idf
	pair   bool    // of a script without spaces
}

// queryTerms are the distinct terms a question is searched by. Single characters count only where they stand alone, and
// lone hiragana (particles beside a code) only when there is nothing else.
func queryTerms(text string) []queryTerm {
	var terms, weak []queryTerm
	before := rune(0) // the first character of a pair
	kana := func(r rune) bool { return unicode.Is(unicode.Hiragana, r) }
	eachTerm(text, func(hash uint32, kind termKind, r rune) {
		switch {
		case kind == termWord, kind == termLone && !kana(r):
			terms = append(terms, queryTerm{hash, 1, kind != termWord})
		case kind == termLone:
			weak = append(weak, queryTerm{hash, 1, true})
		case kind == termSingle:
			before = r
		case kana(before) && kana(r):
			terms = append(terms, queryTerm{hash, kanaPair, true})
		case kana(before) || kana(r):
			terms = append(terms, queryTerm{hash, mixedPair, true})
		default:
			terms = append(terms, queryTerm{hash, 1, true})
		}
	})
	if len(terms) == 0 {
		terms = weak
	}
	seen := make(map[uint32]bool, len(terms))
	distinct := terms[:0]
	for _, t := range terms {
		if !seen[t.hash] {
			seen[t.hash] = true
			distinct = append(distinct, t)
		}
	}
	return distinct
}

package rag

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// profile is a text as the citation matcher sees it: weighted character n-grams, and the numbers and codes that
// have to stand in a support literally.
type profile struct {
	grams     map[string]float64 // weight of each distinct n-gram
	isContent map[string]bool    // not grammar
	order     []string           // the n-grams as they came: sums are the same in every run
	total     float64            // sum of the weights
	content   float64            // the part of total that is not grammar
	numbers   map[string]bool    // "10", "1200", "3.5": without thousands separators and leading zeros
	spelled   map[string]bool    // numbers written as words: 三, three
	single    map[string]bool    // every CJK character
	codes     map[string]bool    // letters and digits in one word: "kx-200"
}

// Weights of n-grams. Hiragana pairs are mostly grammar, English stop words too.
const (
	contentWeight = 1.0
	grammarWeight = 0.2
	unitWeight    = 0.5 // a single character between others: 日 of 10日, 円
)

var stopWords = map[string]bool{}

var numberWords = map[string]string{
	"one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
	"ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30",
}

func init() {
	for _, w := range strings.Fields("a an the is are was were be been being of to in on at by for from with and or as it its this that these those you your we our they their he she his her i do does did has have had will would can could may must shall should not no if then than so also there here when what which who whom whose where why how") {
		stopWords[w] = true
	}
}

// newProfile reads a text in compatibility form (widths folded) and lower case. CJK runs give pairs of characters (a
// run of one gives itself), other words the trigrams of "^word$".
func newProfile(text string) profile {
	p := profile{grams: map[string]float64{}, isContent: map[string]bool{}, numbers: map[string]bool{}, spelled: map[string]bool{}, single: map[string]bool{}, codes: map[string]bool{}}
	rs := []rune(strings.ToLower(norm.NFKC.String(text)))
	unit := false // a number stands right before
	for i := 0; i < len(rs); {
		switch {
		case isCJK(rs[i]):
			j := i
			for j < len(rs) && isCJK(rs[j]) {
				j++
			}
			p.addCJK(rs[i:j], unit)
			unit = false
			i = j
		case isWordRune(rs[i]):
			j := i
			for j < len(rs) && (isWordRune(rs[j]) && !isCJK(rs[j]) || joinsWord(rs, j)) {
				j++
			}
			p.addWord(string(rs[i:j]))
			i = j
			// 10日, also as a PDF spaces it: 10 日
			if unit = unicode.IsDigit(rs[i-1]); unit {
				next := i
				for next < len(rs) && rs[next] == ' ' {
					next++
				}
				if unit = next < len(rs) && isCJK(rs[next]); unit {
					p.set(string(rs[i-1])+string(rs[next]), unitWeight, true)
					i = next
				}
			}
		default:
			unit = false
			i++
		}
	}
	return p
}

// joinsWord says whether the mark at i holds the word around it together: "kx-200", "1,200", "3.5", "don't".
func joinsWord(rs []rune, i int) bool {
	if i == 0 || i+1 >= len(rs) || !strings.ContainsRune("-_/.,:'’+#", rs[i]) {
		return false
	}
	a, b := rs[i-1], rs[i+1]
	if isCJK(a) || isCJK(b) || !isWordRune(a) || !isWordRune(b) {
		return false
	}
	switch rs[i] {
	case ',', '.', ':':
		return unicode.IsDigit(a) && unicode.IsDigit(b)
	}
	return true
}

func (p *profile) addCJK(run []rune, unit bool) {
	p.addNumerals(run)
	for _, r := range run {
		p.single[string(r)] = true
	}
	if len(run) == 1 {
		if !unit {
			p.set(string(run), min(unitWeight, cjkWeight(run)), cjkWeight(run) > grammarWeight)
		}
		return
	}
	for i := 0; i+1 < len(run); i++ {
		w := cjkWeight(run[i : i+2])
		p.set(string(run[i:i+2]), w, w > grammarWeight)
	}
}

// addNumerals reads kanji numbers below 10,000: 三, 十二, 百五十.
func (p *profile) addNumerals(run []rune) {
	sum, digit, found := 0, 0, false
	for i := 0; i <= len(run); i++ {
		unit := 0
		if i < len(run) {
			if d := strings.IndexRune("〇一二三四五六七八九", run[i]); d >= 0 {
				digit, found = d/len("〇"), true
				continue
			}
			switch run[i] {
			case '十':
				unit = 10
			case '百':
				unit = 100
			case '千':
				unit = 1000
			}
		}
		if unit > 0 {
			sum, digit, found = sum+max(1, digit)*unit, 0, true
			continue
		}
		if found {
			p.spelled[strconv.Itoa(sum+digit)] = true
		}
		sum, digit, found = 0, 0, false
	}
}

func cjkWeight(gram []rune) float64 {
	for _, r := range gram {
		if !unicode.Is(unicode.Hiragana, r) && r != 'ー' {
			return contentWeight
		}
	}
	return grammarWeight
}

func (p *profile) addWord(w string) {
	hasDigit := strings.ContainsFunc(w, unicode.IsDigit)
	hasLetter := strings.ContainsFunc(w, unicode.IsLetter)
	if hasDigit {
		if hasLetter && isCode(w) {
			p.codes[w] = true
			p.set("#"+w, contentWeight, true)
			return
		}
		for _, n := range numbersIn(w) {
			p.numbers[n] = true
			p.set("#"+n, contentWeight, true)
		}
		return
	}
	if n, ok := numberWords[w]; ok {
		p.spelled[n] = true
	}
	weight := contentWeight
	if stopWords[w] {
		weight = grammarWeight
	}
	rs := []rune("^" + w + "$")
	n := len(rs) - 2
	for i := 0; i < n; i++ {
		p.set(string(rs[i:i+3]), weight/float64(n), weight > grammarWeight)
	}
}

// set adds an n-gram. The larger weight stays: the same trigram may stand in a short and a long word.
func (p *profile) set(gram string, w float64, content bool) {
	old, ok := p.grams[gram]
	if !ok {
		p.order = append(p.order, gram)
	}
	if w <= old {
		return
	}
	p.grams[gram] = w
	p.total += w - old
	if content {
		p.isContent[gram] = true
		p.content += w - old
	}
}

// isCode tells "kx-200", "a4", "iso9001" from "10kg", "5pm", "3rd": a code begins with a letter or has a letter
// between digits.
func isCode(w string) bool {
	if c := w[0]; c < '0' || c > '9' {
		return true
	}
	last := strings.TrimRightFunc(w, unicode.IsLetter)
	return strings.ContainsFunc(last, unicode.IsLetter)
}

// numbersIn gives the numbers of a word of digits and marks: "2026/04/01" has three, "1,200" and "3.5" one each, and
// "9:00" is 9, so that it meets 9時.
func numbersIn(w string) []string {
	var out []string
	parts := strings.FieldsFunc(w, func(r rune) bool { return !unicode.IsDigit(r) && r != '.' && r != ',' })
	for i, part := range parts {
		part = strings.Trim(strings.ReplaceAll(part, ",", ""), ".")
		whole, frac, hasFrac := strings.Cut(part, ".")
		whole = strings.TrimLeft(whole, "0")
		if whole == "" {
			whole = "0"
		}
		if frac = strings.TrimRight(frac, "0"); hasFrac && frac != "" {
			whole += "." + frac
		}
		if i > 0 && whole == "0" && strings.Contains(w, ":") {
			continue
		}
		out = append(out, whole)
	}
	return out
}

// containment is the weighted share of p's n-grams that q has, 0 to 1.
func (p profile) containment(q profile) float64 {
	if p.total == 0 {
		return 0
	}
	return p.sharedWeight(q) / p.total
}

func (p profile) sharedWeight(q profile) float64 {
	sum := 0.0
	for _, g := range p.order {
		if q.has(g) {
			sum += p.grams[g]
		}
	}
	return sum
}

// has says whether an n-gram, or a character that stands alone, is in p.
func (p profile) has(gram string) bool {
	_, ok := p.grams[gram]
	return ok || p.single[gram]
}

// lacksNumber says whether p has a number that q has not, in digits or words.
func (p profile) lacksNumber(q profile) bool {
	for n := range p.numbers {
		if !q.numbers[n] && !q.spelled[n] {
			return true
		}
	}
	return false
}

// sharedContent is the share, 0 to 1, of p's n-grams that q has, grammar left out.
func (p profile) sharedContent(q profile) float64 {
	if p.content == 0 {
		return 0
	}
	sum := 0.0
	for _, g := range p.order {
		if p.isContent[g] && q.has(g) {
			sum += p.grams[g]
		}
	}
	return sum / p.content
}

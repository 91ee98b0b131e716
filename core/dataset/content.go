package dataset

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kakoi/core/rag"
)

var (
	askWordsJa = regexp.MustCompile(`何(?:番|人|日|年|月|時|分|回|件|名|歳|度|円|個|枚|本|台|店|階|週|秒|種類|か|パーセント)*|誰|教え|方法|記載|資料`)
	askWordsEn = map[string]bool{}
)

func init() {
	for _, w := range strings.Fields("a an the is are was were be been of to in on at by for from with and or as what which who whom whose when where why how do does did can could should must will would may much many long often i me my you your we our it its there according this that") {
		askWordsEn[w] = true
	}
}

// contentOf are the words that a question is about: pairs of kanji or katakana, other words whole; grammar and question words
// apart.
func contentOf(question string) []string {
	s := strings.ToLower(norm.NFKC.String(question))
	s = askWordsJa.ReplaceAllString(s, " ")
	var out []string
	rs := []rune(s)
	for i := 0; i < len(rs); {
		j := i
		switch {
		case written(rs[i]):
			for j < len(rs) && written(rs[j]) {
				j++
			}
			if j-i == 1 {
				out = append(out, string(rs[i:j]))
			}
			for k := i; k+2 <= j; k++ {
				out = append(out, string(rs[k:k+2]))
			}
		case rs[i] < 0x250 && (unicode.IsLetter(rs[i]) || unicode.IsDigit(rs[i])):
			for j < len(rs) && rs[j] < 0x250 && (unicode.IsLetter(rs[j]) || unicode.IsDigit(rs[j]) || strings.ContainsRune("-_.", rs[j])) {
				j++
			}
			if w := strings.Trim(string(rs[i:j]), "-_."); !askWordsEn[w] && w != "" {
				out = append(out, strings.TrimSuffix(w, "s"))
			}
		default:
			j++
		}
		i = j
	}
	return out
}

func written(r rune) bool {
	return unicode.Is(unicode.Han, r) || unicode.Is(unicode.Katakana, r) || r == 'ー'
}

// covered is the greatest share of words, 0 to 1, that stand in one sentence of a text.
func covered(words []string, text string) float64 {
	if len(words) == 0 {
		return 0
	}
	rs := []rune(text)
	best := 0
	for _, s := range rag.Sentences(text) {
		sentence := strings.ToLower(norm.NFKC.String(string(rs[s.Start:s.End])))
		n := 0
		for _, w := range words {
			if strings.Contains(sentence, w) {
				n++
			}
		}
		best = max(best, n)
	}
	return float64(best) / float64(len(words))
}

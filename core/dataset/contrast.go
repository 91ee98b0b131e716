package dataset

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"kakoi/core"
)

// A contrast is the question of a row with one name or number changed, so that it asks for something that no passage before it names, while the
// passage that looks like an answer is there. Whoever reads it must look at what the question asks of, and not only at how it is put.

// swap is a word of a question that can be changed.
type swap struct {
	from, end int    // bytes of the question
	word      string // of the question
	after     rune   // behind it
	sort      string // words of one sort stand for each other
}

var (
	swapCode   = regexp.MustCompile(`[A-Za-z]+[-_]?[0-9][0-9A-Za-z_-]*`)
	swapNumber = regexp.MustCompile(`[0-9]+(?:,[0-9]{3})*`)
	swapKanji  = regexp.MustCompile(`[一-龥々ァ-ヴー]{2,}`)
	swapLatin  = regexp.MustCompile(`[A-Za-z][A-Za-z-]{2,}[A-Za-z]`)
	swapNoun   = regexp.MustCompile(`(?i)(?:^|\s)(?:the|an?|of|in|on|for|with|by|from|at|my|each|this|these)\s$`)
	// swapBound: what is true above or below a number, within a span or for each one may be so of another number too, or be reckoned from it.
	swapBound     = regexp.MustCompile(`^\s*[^\s、。]{0,4}?(?:以上|以下|以内|以外|未満|以前|以後|以降|を超|超|より|まで|から|あたり|当たり|につき|\s*[〜～~–—]\s*[0-9０-９])`)
	swapBoundJa   = regexp.MustCompile(`(?:[〜～~–—]|から|最大|最低|最長|最短|少なくとも|約|およそ)\s*$`)
	swapBoundEn   = regexp.MustCompile(`(?i)(?:\b(?:over|under|above|below|beyond|than|least|most|within|until|to|through|from|between|after|before|since|per|about|around|exceed|exceeds|exceeding)|between [0-9]\S*(?: \S+)? and)\s+\S?$`)
	swapBoundBack = regexp.MustCompile(`(?i)^\+|^\s*(?:[^\s.,?]+\s+){0,3}?(?:(?:or|and) (?:more|less|fewer|over|under|above|below|up|older|younger|later|earlier|longer|shorter|larger|smaller|greater|higher|lower|newer)\b|(?:to|through|until) [0-9])`)
	// swapEach: what one costs says what two cost.
	swapEach = regexp.MustCompile(`^\s*(?:人|名|泊|回|時間|か月|ヶ月|カ月|ヵ月|週間|年間|日|本|枚|個|台|部|冊|件|箱)分?の|^\s*[a-z]`)
)

// swapKept are words that make a question what it is, or that name no thing.
var swapKept = map[string]bool{}

func init() {
	for _, w := range strings.Fields("what when where which whose does should would happens happen know about much many long must need used have with that this from your into there first after before between other name called kind documents according said 資料 記載 方法 場合 目的 以上 以下 未満 以内") {
		swapKept[w] = true
	}
}

// swapsOf are the words of a question that can be changed, codes and numbers first: they are what one thing is told from the next by.
func swapsOf(question string) []swap {
	taken := make([]bool, len(question))
	var out []swap
	for i, re := range []*regexp.Regexp{swapCode, swapNumber, swapKanji, swapLatin} {
		for _, at := range re.FindAllStringIndex(question, -1) {
			s := swap{from: at[0], end: at[1], word: question[at[0]:at[1]], after: firstRune(question[at[1]:])}
			if slices.Contains(taken[s.from:s.end], true) || swapKept[strings.ToLower(s.word)] || askWordsJa.MatchString(s.word) {
				continue
			}
			for j := s.from; j < s.end; j++ {
				taken[j] = true
			}
			before, after := question[:s.from], question[s.end:]
			if partOf(lastRune(before), firstRune(s.word)) || i != 1 && partOf(lastRune(s.word), s.after) || i == 1 && s.after < 0x250 && unicode.IsLetter(s.after) {
				continue
			}
			switch i {
			case 0:
				s.sort = "code"
			case 1:
				if swapBound.MatchString(after) || swapBoundBack.MatchString(after) || swapBoundJa.MatchString(before) || swapBoundEn.MatchString(before) {
					continue
				}
				if s.word == "1" && swapEach.MatchString(after) && lastRune(before) != '月' {
					continue
				}
				s.sort = "number"
			case 2: // "給与は" for "賞与は", not for "支給し"
				if s.after != 0 && !strings.ContainsRune("のはをにがでとへやもか、「」（）() ", s.after) {
					continue
				}
				s.sort = "compound " + string(s.after)
			default:
				if s.sort = latinSort(before, s.word); s.sort == "" {
					continue
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// partOf says whether two neighbours belong to one word, to a path or an address, or to a number and what it counts.
func partOf(a, b rune) bool {
	latin := func(r rune) bool {
		return r < 0x250 && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_./@:\\$~", r) && r > 0
	}
	return latin(a) && latin(b) && (a != '.' && a != ':' || unicode.IsLetter(b)) || written(a) && written(b) || unicode.IsDigit(a) && written(b)
}

// latinSort tells words that can stand for each other in a sentence apart from others, without a dictionary: names by their capital letter, nouns by
// the word before and by the ending. It is "" of other words.
func latinSort(before, word string) string {
	if unicode.IsUpper(firstRune(word)) {
		if before == "" {
			return ""
		}
		return "name"
	}
	last := swapNoun.FindString(before)
	if last == "" {
		return ""
	}
	end := ""
	for _, e := range []string{"ing", "ed", "ly", "s"} {
		if strings.HasSuffix(word, e) {
			end = e
			break
		}
	}
	return "noun " + strings.ToLower(strings.TrimSpace(last)) + " " + end
}

// most is how large a number may be that has this behind it: a month, a day, an hour, a minute should be possible ones.
var most = map[rune]int{'月': 12, '日': 28, '時': 23, '分': 59, '秒': 59}

// otherNumber draws a number that is not the one given, and like it: as many digits, and the beginning or the end of a long one.
func (p *pcg) otherNumber(word string, after rune) string {
	digits := strings.ReplaceAll(word, ",", "")
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits) > 9 || n == 0 {
		return ""
	}
	for range 16 {
		var m int
		switch limit := most[after]; {
		case limit > 0 && n <= limit:
			m = 1 + p.below(limit)
		case len(digits) == 1:
			m = 1 + p.below(9)
		case len(digits) == 2:
			m = 10 + p.below(90)
		case n%100 == 0:
			m, _ = strconv.Atoi(strconv.Itoa(1+p.below(9)) + digits[1:])
		default:
			m = n/100*100 + p.below(100)
		}
		if m == n {
			continue
		}
		text := strconv.Itoa(m)
		if strings.Contains(word, ",") {
			for i := len(text) - 3; i > 0; i -= 3 {
				text = text[:i] + "," + text[i:]
			}
		}
		return text
	}
	return ""
}

// otherCode changes the last number of a code.
func (p *pcg) otherCode(word string) string {
	at := swapNumber.FindAllStringIndex(word, -1)
	last := at[len(at)-1]
	n := p.otherNumber(word[last[0]:last[1]], 0)
	if n == "" {
		return ""
	}
	return word[:last[0]] + n + word[last[1]:]
}

// swapWords are the words that questions of rows have, by sort, each list sorted.
func swapWords(rows []core.Row) map[string][]string {
	out := map[string][]string{}
	for _, r := range rows {
		for _, s := range swapsOf(r.Question) {
			if s.sort != "number" {
				out[s.sort] = append(out[s.sort], s.word)
			}
		}
	}
	for sort, words := range out {
		slices.Sort(words)
		out[sort] = slices.Compact(words)
	}
	return out
}

const (
	// contrastTries are the changed questions that are looked at for a row.
	contrastTries = 6
	// unchanged: a row's question has no word that can be changed. Nothing is lost by it, so it is not counted.
	unchanged Reason = "unchanged"
)

// contrast asks a row's question with one word changed. The passage with the row's answer must be found for it, and nothing that is found may
// hold the new word.
func (b *builder) contrast(ctx context.Context, r core.Row, words map[string][]string) made {
	p := newPCG(b.Seed, "contrast "+r.ID)
	gold := Draft{Core: b.answerOf(r), Source: *r.Source}
	passage := ""
	if rs := strings.Split(r.Inputs, r.Question); len(rs) > 1 {
		passage = fold(strings.Join(rs[:len(rs)-1], r.Question))
	}
	tries := 0
	swaps := swapsOf(r.Question)
	first := len(swaps)
	if i := slices.IndexFunc(swaps, func(s swap) bool { return s.sort != "code" && s.sort != "number" }); i >= 0 {
		first = i
	}
	names := swaps[first:]
	p.shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, s := range swaps {
		if !strings.Contains(passage, fold(s.word)) {
			continue
		}
		for range 2 {
			if tries++; tries > contrastTries {
				return made{reason: unchanged}
			}
			word := b.instead(p, s, words[s.sort])
			if word == "" {
				continue
			}
			d := Draft{Question: r.Question[:s.from] + word + r.Question[s.end:], Refusal: true, Origin: core.RowContrast, Source: *r.Source}
			if b.asked[fold(d.Question)] {
				continue
			}
			m, ok := b.contrasted(ctx, d, gold, word)
			if ok || m.err != nil {
				return m
			}
		}
	}
	return made{reason: unchanged}
}

// instead is a word for another; "" when there is none.
func (b *builder) instead(p *pcg, s swap, words []string) string {
	switch {
	case s.sort == "number":
		return p.otherNumber(s.word, s.after)
	case s.sort == "code" && (len(words) < 2 || p.below(2) == 0):
		return p.otherCode(s.word)
	case len(words) < 2:
		return ""
	}
	if word := words[p.below(len(words))]; !strings.Contains(fold(word), fold(s.word)) && !strings.Contains(fold(s.word), fold(word)) {
		return word
	}
	return ""
}

// contrasted prepares a changed question; ok says that it is a row: its passages have the gold one, and none names what the new word does.
func (b *builder) contrasted(ctx context.Context, d, gold Draft, word string) (m made, ok bool) {
	p, err := b.Retriever.Prepare(ctx, d.Question, nil)
	if reason, err := reasonOf(p, err); reason != "" || err != nil {
		return made{reason: reason, err: err}, false
	}
	if goldOf(p.Passages, gold) == 0 {
		return made{}, false
	}
	for _, passage := range slices.Concat(p.Passages, p.FocusPassages) {
		if named(passage.Text, word) {
			return made{}, false
		}
	}
	return made{row: b.shaped(newRow(d, p), p, nil)}, true
}

package dataset

import (
	"context"
	"regexp"
	"strings"
	"unicode/utf8"

	"kakoi/core"
	"kakoi/core/rag"
)

// Limits of what is drafted by rule: longer ones are seldom asked or answered so.
const (
	maxQuestionChars = 90
	maxAnswerChars   = 160
	minSentenceChars = 6
)

// asking is a question that a rule made of a unit; the answer's core stands at characters from to end of it.
type asking struct {
	kind      Kind
	question  string
	from, end int
	tail      string // what makes the core an answer
	cap       bool   // its first letter becomes a capital
	weak      bool   // its subject says little: the document's title is named in the question
}

// Drafts makes questions of a document by rule, in reading order. What makes no good question makes none: of a page of prose it is about
// one sentence in two. The error is that of ctx: 0.4 MB of text take a second.
func Drafts(ctx context.Context, doc Document) ([]Draft, error) {
	var out []Draft
	head, title := "", titleOf(doc)
	small, names := smallWordsOf(doc)
	for _, p := range doc.Pages {
		units := unitsOf(p, head)
		for _, u := range units {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			head = u.head
			var asked []asking
			switch {
			case len(u.cells) == 1 || len(u.cells) > 1 && !isRow(u):
				asked = askPairs(u)
			case len(u.cells) > 1:
				asked = askRow(u)
			case rag.Language(u.String()) == "ja":
				asked = askJapanese(u)
			default:
				asked = askEnglish(u, small)
			}
			if u.first && len(u.cells) == 0 {
				asked = append(asked, askHeading(u, title, names)...)
			}
			for _, a := range asked {
				if d, ok := u.draft(doc, a, title); ok {
					out = append(out, d)
				}
			}
		}
	}
	return out, nil
}

func isRow(u unit) bool {
	return strings.Contains(u.String(), " | ") || !strings.ContainsAny(u.String(), ":：")
}

// draft is what was asked, if it is fit to be.
func (u unit) draft(doc Document, a asking, title string) (Draft, bool) {
	for a.from < a.end && strings.ContainsRune(" 　、,", u.text[a.from]) {
		a.from++
	}
	for a.end > a.from && strings.ContainsRune(" 　、,", u.text[a.end-1]) {
		a.end--
	}
	if a.from >= a.end {
		return Draft{}, false
	}
	d := Draft{
		Question: strings.TrimSpace(a.question), Core: string(u.text[a.from:a.end]), Source: u.source(doc, a.from, a.end),
		Origin: core.RowRule, Kind: a.kind, title: title,
	}
	if d.Language = rag.Language(d.Question); d.Language == "ja" {
		d.Question = varied(d.Question)
	}
	d.Answer = d.Core
	if a.cap {
		d.Answer = capital(d.Answer)
	}
	d.Answer += a.tail
	if a.weak {
		if title == "" {
			return d, false
		}
		d.Question = d.qualified()
	}
	return d, d.fit()
}

var plainAsk = regexp.MustCompile(`^(.+)は(?:何|いくら|いつ|どこ|どのくらい|いくつ|何[^か。]{1,6})(ですか|でしたか)。$`)

// varied asks some questions as people type them: with a question mark, or to be told. Which ones is decided by the question.
func varied(question string) string {
	switch newPCG(0, question).below(8) {
	case 0, 1:
		if cut, ok := strings.CutSuffix(question, "か。"); ok {
			return cut + "か？"
		}
	case 2:
		if m := plainAsk.FindStringSubmatch(question); m != nil && m[2] == "ですか" && !strings.HasSuffix(m[1], "と") {
			return m[1] + "を教えてください。"
		}
	}
	return question
}

// qualified is the question with the document's title in it.
func (d Draft) qualified() string {
	if d.Language == "ja" {
		return "「" + d.title + "」では、" + d.Question
	}
	return "According to “" + d.title + "”, " + lowerFirst(d.Question, nil)
}

// fit says whether a draft can be asked: it is no longer than people ask, closed in its brackets, and does not give its answer away.
func (d Draft) fit() bool {
	q, a := utf8.RuneCountInString(d.Question), utf8.RuneCountInString(d.Answer)
	if q < 6 || q > maxQuestionChars || a < 1 || a > maxAnswerChars || !balanced(d.Question) || !balanced(d.Core) {
		return false
	}
	if strings.ContainsAny(d.Question, "\n|\t") || strings.ContainsAny(d.Core, "\n|\t\ufffd") {
		return false
	}
	if d.Language == "ja" && jaInside.MatchString(d.Question) {
		return false
	}
	bare := fold(d.Core)
	return bare != "" && !strings.Contains(fold(d.Question), bare) && strings.ContainsFunc(bare, isLetterOrDigit)
}

// jaInside: questions that ask for what stands before them in the text.
var jaInside = regexp.MustCompile(`(?:この|その|これ|それ|あの|もう一つの|もうひとつの|前者|後者)`)

func isLetterOrDigit(r rune) bool { return digit(r) || r >= 'a' && r <= 'z' || r > 0x7f }

func balanced(s string) bool {
	for _, pair := range []string{"()", "（）", "「」", "『』", "【】", "“”", "[]"} {
		open, end := firstRune(pair), lastRune(pair)
		depth := 0
		for _, r := range s {
			switch r {
			case open:
				depth++
			case end:
				depth--
			}
			if depth < 0 {
				return false
			}
		}
		if depth != 0 {
			return false
		}
	}
	return strings.Count(s, `"`)%2 == 0
}

// titleOf is a document's first line, if that is a title; else its file's name without the ending.
func titleOf(doc Document) string {
	for _, p := range doc.Pages {
		first, _, _ := strings.Cut(strings.TrimSpace(p.Text), "\n")
		first = strings.Join(strings.Fields(first), " ")
		if n := utf8.RuneCountInString(first); n >= 2 && n <= 40 && !strings.HasSuffix(first, "。") && !strings.HasSuffix(first, ".") && !strings.Contains(first, " | ") && balanced(first) {
			return first
		}
		break
	}
	name := doc.Name
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	return strings.ReplaceAll(name, "_", " ")
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(string(r)) + s[n:]
}

// lowerFirst makes the first letter small unless the word is a name or an abbreviation, as far as small tells.
func lowerFirst(s string, small map[string]bool) string {
	word, _, _ := strings.Cut(s, " ")
	word = strings.Trim(word, ",.'")
	r, n := utf8.DecodeRuneInString(s)
	rest := strings.TrimPrefix(word, string(r))
	if rest != strings.ToLower(rest) || !smallWords[strings.ToLower(word)] && !small[strings.ToLower(word)] {
		return s
	}
	return strings.ToLower(string(r)) + s[n:]
}

var (
	smallWord  = regexp.MustCompile(`(?:^|[\s(“"])([a-z][a-z'-]+)`)
	insideWord = regexp.MustCompile(`[a-z,] ([A-Z][a-z'-]+)`)
)

// smallWordsOf are the words that a document writes with small letters, and seldom with a capital inside a sentence: at the
// beginning of one they have lost theirs. names are those that have a capital there.
func smallWordsOf(doc Document) (small, names map[string]bool) {
	count := map[string]int{}
	names = map[string]bool{}
	for _, p := range doc.Pages {
		for _, m := range smallWord.FindAllStringSubmatch(p.Text, -1) {
			count[m[1]]++
		}
		for _, m := range insideWord.FindAllStringSubmatch(p.Text, -1) {
			count[strings.ToLower(m[1])] -= 3
			names[strings.ToLower(m[1])] = true
		}
	}
	small = map[string]bool{}
	for w, n := range count {
		if n > 0 {
			small[w] = true
		}
	}
	return small, names
}

package dataset

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"kakoi/core/rag"
)

// genericHeads are names of a table's first column that say nothing of the row: "項目: 消費電力 | KX-200: 28W" has the KX-200's 消費電力.
var genericHeads = regexp.MustCompile(`(?i)^(?:項目|仕様|区分|内容|品目|item|items|specification|feature|property|parameter|)$`)

// keyHeads are columns that a row is named by, the better ones first.
var keyHeads = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(?:品名|名称|氏名|名前|商品名|製品名|部署|name|title|product|task)$`),
	regexp.MustCompile(`(?i)(?:品番|型番|番号|コード|表示|日付|種類|種別|機種|date|code|part|model|type|error|no\.?)$`),
}

// maxKeyChars is how long the name of a row may be.
const maxKeyChars = 30

// askRow asks for the cells of a table's row.
func askRow(u unit) []asking {
	key := u.cells[0]
	crossed := genericHeads.MatchString(key.name)
	if utf8.RuneCountInString(key.value) > maxKeyChars && !isAsked.MatchString(key.name) || key.value == "" || strings.ContainsAny(key.value, "{}:;=<>") || !isAsked.MatchString(key.name) && strings.ContainsAny(key.value, "。？?") {
		return nil
	}
	ja := rag.Language(u.String()) == "ja"
	if isAsked.MatchString(key.name) {
		return askFAQ(u)
	}
	var out []asking
	for i, c := range u.cells {
		if i == 0 || c.name == "" || c.value == "" || c.name == key.name || utf8.RuneCountInString(c.name) > maxKeyChars || strings.Contains(c.name, "(s)") || strings.HasSuffix(c.name, "?") {
			continue
		}
		row := key
		if !crossed {
			// Another column that names things is used now and then: people ask for either.
			if other, ok := namedBy(u.cells); ok && i%2 == 0 {
				row = other
			}
			if row.from == c.from {
				row = key
			}
		}
		if isNameColumn(c.name) && !crossed {
			continue
		}
		a := asking{kind: KindTable, from: c.from, end: c.end}
		switch {
		case ja:
			a.tail = tailOf(c.value)
			a.question = jaCellQuestion(row, c, crossed)
		default:
			a.tail, a.cap = stopOf(c.value), true
			a.question = enCellQuestion(row, c, crossed)
		}
		if a.question != "" {
			out = append(out, a)
		}
	}
	return out
}

var (
	isAsked    = regexp.MustCompile(`(?i)^(?:質問|質問内容|問い|question|q)$`)
	isAnswered = regexp.MustCompile(`(?i)^(?:回答|答え|answer|a)$`)
)

// askFAQ takes the question that a table has.
func askFAQ(u unit) []asking {
	q := u.cells[0].value
	if !asks(q, rag.Language(q)) {
		return nil
	}
	for _, c := range u.cells[1:] {
		if isAnswered.MatchString(c.name) && c.value != "" {
			a := asking{kind: KindTable, question: q, from: c.from, end: c.end}
			if rag.Language(q) == "ja" {
				a.tail = tailOf(c.value)
			} else {
				a.tail, a.cap = stopOf(c.value), true
			}
			return []asking{a}
		}
	}
	return nil
}

// namedBy is the cell that names the row best, the first one apart.
func namedBy(cells []cell) (cell, bool) {
	for _, c := range cells[1:] {
		if isNameColumn(c.name) && c.value != "" && utf8.RuneCountInString(c.value) <= maxKeyChars {
			return c, true
		}
	}
	return cell{}, false
}

func isNameColumn(name string) bool { return keyHeads[0].MatchString(name) }

func jaCellQuestion(row, c cell, crossed bool) string {
	of, what := row.value, c.name
	if crossed {
		of, what = c.name, row.value
	}
	kind, wh := whatIs(bareName(what), strings.TrimSuffix(c.value, "。"))
	if wh == "" {
		wh = "何"
	}
	if kind == KindDefinition && wh == "何" && strings.HasSuffix(c.value, "まで") {
		wh = "どのくらい"
	}
	if kind == KindDefinition && wh == "どう" {
		return of + "の" + what + "はどうですか。"
	}
	switch bareName(what) {
	case "対処", "対処法", "対策", "対応", "処置", "解決方法", "対処方法":
		return of + "の" + what + "を教えてください。"
	}
	return of + "の" + what + "は" + wh + "ですか。"
}

// bareName is a column's name without what stands in brackets behind it.
func bareName(s string) string {
	if i := strings.IndexAny(s, "（("); i > 0 {
		return strings.TrimSpace(s[:i])
	}
	return s
}

// tailOf makes a Japanese value an answer.
func tailOf(value string) string {
	switch {
	case strings.HasSuffix(value, "。"):
		return ""
	case polite(value):
		return "。"
	case politeEnd(value) != "" && !jaAnyNumber.MatchString(value) && strings.ContainsAny(value, "をにがで") && !strings.HasSuffix(value, "こと"):
		return "。" // 電源を切る
	case jaPlainEnd.MatchString(value):
		return "。"
	}
	return "です。"
}

// stopOf is the stop that an English value lacks.
func stopOf(value string) string {
	if value == "" || strings.HasSuffix(value, ".") || strings.HasSuffix(value, "!") {
		return ""
	}
	return "."
}

var (
	enMoney = regexp.MustCompile(`^(?:(?:USD|EUR|GBP|US)\s*)?[$€£¥]\s?[0-9]`)
	enWho   = regexp.MustCompile(`(?i)^(?:owner|chair|author|contact|contact person|manager|responsible|person in charge|approver|reviewer|prepared by|written by|editor|lead|host)$`)
	enWhen  = regexp.MustCompile(`(?i)^(?:due|due date|deadline|date|start|end|start date|end date|released|issued|valid from|valid until|opening)$`)
	enWhere = regexp.MustCompile(`(?i)^(?:place|location|venue|room|address|where)$`)
)

func enCellQuestion(row, c cell, crossed bool) string {
	of, what := row.value, c.name
	if crossed {
		of, what = c.name, row.value
	}
	if len(strings.Fields(of)) > 2 {
		of = "“" + of + "”"
		if !crossed && len(strings.Fields(row.name)) == 1 {
			of = "the " + strings.ToLower(row.name) + " " + of
		}
	} else if thing.MatchString(of) {
		of = "the " + of
	}
	lower := lowerName(what)
	switch {
	case enWho.MatchString(what) && strings.Contains(lower, " "):
		return "Who is the " + lower + " of " + of + "?"
	case enWho.MatchString(what):
		return "Who is the " + lower + " of " + of + "?"
	case strings.EqualFold(what, "due") || strings.EqualFold(what, "due date") || strings.EqualFold(what, "deadline"):
		return "When is " + of + " due?"
	case enWhen.MatchString(what):
		return "What is the " + lower + " of " + of + "?"
	case strings.EqualFold(what, "price") || strings.EqualFold(what, "cost") || enMoney.MatchString(c.value) && strings.EqualFold(what, "fee"):
		return "How much does " + of + " cost?"
	case enWhere.MatchString(what):
		return "Where is " + of + "?"
	}
	return "What is the " + lower + " of " + of + "?"
}

// thing: a code of letters and digits takes an article in English.
var thing = regexp.MustCompile(`^[A-Z]{1,4}-?[0-9]+[A-Za-z]?$`)

// lowerName writes a column's name as a word of a sentence; abbreviations stay.
func lowerName(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		if w != strings.ToUpper(w) || len(w) == 1 {
			words[i] = strings.ToLower(w)
		}
	}
	return strings.Join(words, " ")
}

// enLabel are labels of people's papers. Others stand in what programs print.
var enLabel = regexp.MustCompile(`(?i)^(?:date|date and time|place|venue|location|room|present|attendees|participants|absent|apologies|chair|author|owner|contact|contact person|prepared by|approved by|reviewed by|reviewer|editor|secretary|host|speaker|organi[sz]er|department|project|customer|supplier|client|phone|telephone|fax|e-?mail|extension|address|deadline|due date|valid from|valid until|effective date|issue date|budget|price|fee|cost|total cost|subject|next meeting|opening hours|hours|duration|capacity|weight|height|width|length|colou?r|material|warranty|part number|order number|model)$`)

// askPairs asks for the values of a line "label: value".
func askPairs(u unit) []asking {
	var out []asking
	for _, c := range u.cells {
		value := strings.TrimSuffix(c.value, "。")
		if utf8.RuneCountInString(c.value) > 60 || strings.ContainsAny(c.name, "「」“”\"=/@\\<>{}()（）[]#`*_") || strings.ContainsAny(c.value, "{}<>\\`|=") {
			continue
		}
		if rag.Language(c.name) == "ja" {
			if len([]rune(c.name)) < 2 || jaDeictic.MatchString(c.name) || jaRemark.MatchString(c.name) {
				continue
			}
			kind, wh := whatIs(c.name, value)
			if wh == "" || strings.HasSuffix(c.value, "。") {
				continue
			}
			question := c.name + "は" + wh + "ですか。"
			if kind == KindDefinition && wh == "どう" {
				question = c.name + "はどうですか。"
			}
			out = append(out, asking{kind: KindPair, question: question, from: c.from, end: c.end, tail: tailOf(c.value), weak: weakSubject(c.name)})
			continue
		}
		if !enLabel.MatchString(c.name) {
			continue
		}
		lower := lowerName(c.name)
		question := "What is the " + lower + "?"
		switch {
		case enWho.MatchString(c.name):
			question = "Who is the " + lower + "?"
		case strings.EqualFold(c.name, "present") || strings.EqualFold(c.name, "attendees") || strings.EqualFold(c.name, "participants"):
			question = "Who was present?"
		case strings.EqualFold(c.name, "absent"):
			question = "Who was absent?"
		case strings.EqualFold(c.name, "place") || strings.EqualFold(c.name, "venue") || strings.EqualFold(c.name, "location"):
			question = "What is the place?"
		}
		out = append(out, asking{kind: KindPair, question: question, from: c.from, end: c.end, tail: stopOf(c.value), cap: true, weak: true})
	}
	return out
}

var enBadStart = regexp.MustCompile(`^(?:with|in|on|from|and|of|for|to|by|at|as|or)\b`)

var headNumber = regexp.MustCompile(`^(?:第[0-9０-９一二三四五六七八九十百]+[章節部編条項]\s*|[■□▼▶#]+\s*|[0-9０-９]{1,2}(?:[.．][0-9０-９]{1,2})*[.．)）]?[\s　]+|(?:Chapter|Section|Appendix|Part)\s+[0-9A-Z]+[.:]?\s*)`)

// lowerHeading begins a heading with a small letter, unless that is a name's.
func lowerHeading(head string, names map[string]bool) string {
	word, rest, _ := strings.Cut(head, " ")
	if r := firstRune(rest); r >= 'A' && r <= 'Z' {
		return head // a name, or Every Word So
	}
	if names[strings.ToLower(word)] || len(word) < 2 || word[1:] != strings.ToLower(word[1:]) {
		return head
	}
	return strings.ToLower(head[:1]) + head[1:]
}

// shouted is the sort of a box in its heading: "NOTE", "GOING FURTHER".
var shouted = regexp.MustCompile(`^(?:[A-Z]{4,}(?: [A-Z]{2,})*|TIP|IN PRACTICE|QUICK LOOK) `)

// askHeading asks for what stands first below a heading.
func askHeading(u unit, title string, names map[string]bool) []asking {
	head := strings.TrimSpace(headNumber.ReplaceAllString(u.head, ""))
	s := u.String()
	head = strings.TrimSuffix(shouted.ReplaceAllString(head, ""), "について")
	if head == "" || head == title || u.item || strings.ContainsAny(head, "0123456789０１２３４５６７８９|:：「」“”\"'()（）?？@/=<>_*#") || len(u.text) > maxAnswerChars-2 {
		return nil
	}
	whole := asking{kind: KindHeading, from: 0, end: len(u.text)}
	if rag.Language(head) == "ja" {
		n := utf8.RuneCountInString(head)
		if n < 3 || n > 24 || rag.Language(s) != "ja" || !strings.HasSuffix(s, "。") || jaDeictic.MatchString(s) || len(strings.Fields(head)) > 2 || len(u.text) < 15 || len(u.text) > 100 || jaLead.MatchString(s) || jaNoTopic.MatchString(head) {
			return nil
		}
		if strings.Contains(head, "を") && !jaVerbEnd.MatchString(head) && jaNounEnd.MatchString(head) && !strings.Contains(head, "した") && !strings.Contains(head, "する") {
			return nil // "パッケージをインストール": half a sentence
		}
		whole.question = head + "について教えてください。"
		switch {
		case strings.HasSuffix(head, "たら"), strings.HasSuffix(head, "とき"), strings.HasSuffix(head, "場合"), strings.HasSuffix(head, "には"):
			particle := ""
			if strings.HasSuffix(head, "とき") || strings.HasSuffix(head, "場合") {
				particle = "は"
			}
			whole.question = head + particle + "どうすればよいですか。"
		case jaVerbEnd.MatchString(head):
			whole.question = head + "にはどうすればよいですか。"
		}
		return []asking{whole}
	}
	n := len(strings.Fields(head))
	if rag.Language(s) != "en" || n < 2 || n > 6 || !strings.HasSuffix(s, ".") || enDeictic.MatchString(s) || len(u.text) < 30 || enEach.MatchString(head) || enInside.MatchString(head) || !enHeading.MatchString(head) {
		return nil
	}
	if first, after, _ := strings.Cut(head, " "); strings.HasSuffix(first, "ing") && gerunds[strings.ToLower(first)] != "" && !enBadStart.MatchString(after) {
		whole.question = "How do I " + gerunds[strings.ToLower(first)] + " " + lowerName(after) + "?"
	} else {
		whole.question = "What should I know about " + lowerHeading(head, names) + "?"
	}
	whole.cap = true
	return []asking{whole}
}

// Shapes that are looked for in the rules above.
var (
	jaPlainEnd = regexp.MustCompile(`(?:ている|ていない|ない|れる|した|った)$`)
	jaRemark   = regexp.MustCompile(`(?:注意|注|例|備考|メモ|警告|参考|ヒント|重要)$`)
	jaNoTopic  = regexp.MustCompile(`^(?:はじめに|概要|目次|序文|まとめ|注意|その他|備考|付録|索引)`)
	jaVerbEnd  = regexp.MustCompile(`[うくすつぬむるぐぶ]$`)
	enHeading  = regexp.MustCompile(`^[A-Z][A-Za-z-]*(?: [A-Za-z-]+)*$`)
)

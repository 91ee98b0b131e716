package rag

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kakoi/core"
	"kakoi/core/calibrate"
)

// refusals are the sentences the starter model was trained to refuse with.
var refusals = map[string]string{
	"ja": "資料には記載がありません。",
	"en": "The documents do not say.",
}

// Refused says whether an answer is the refusal sentence: the template's own or one of the shipped ones, whatever
// its width, case, spacing and punctuation, also with something after it. An answer without any letter is one too.
func Refused(answer string, t *Template) bool {
	a := bare(answer)
	if a == "" {
		return true
	}
	own := ""
	if t != nil {
		own = t.refusal
	}
	for _, r := range []string{own, refusals["ja"], refusals["en"]} {
		if b := bare(r); b != "" && strings.HasPrefix(a, b) {
			return true
		}
	}
	return false
}

// Follow is an answer as it follows a prompt: behind one that ends in a Latin colon, as the English template does, there is a space before
// an answer in Latin letters, so that its first token is that of a word inside a sentence.
func Follow(prompt, answer string) string {
	if answer == "" {
		return ""
	}
	last, _ := utf8.DecodeLastRuneInString(prompt)
	if last == ' ' || last == '\n' || Language(answer) == "ja" {
		return answer
	}
	if end := strings.TrimRight(prompt, ":："); Language(end[max(0, len(end)-12):]) == "ja" {
		return answer // the Japanese template
	}
	return " " + answer
}

// article begins many English answers, and the shipped refusal.
const article = " The"

// RefusalOf is what a lane's request says of the refusal behind a prompt: only how likely it is, where the lane has no bound for the
// sentence; nil where the template has none.
func RefusalOf(l Lane, t *Template, mode calibrate.Mode, prompt string) *core.Refusal {
	r := &core.Refusal{Text: Follow(prompt, t.Refusal())}
	if r.Text == "" {
		return nil
	}
	if strings.HasPrefix(r.Text, article+" ") {
		r.Common = article
	}
	if common, ok := l.Bounds.Common(t.Name(), t.Refusal()); ok && strings.HasPrefix(r.Text, common) {
		r.Common = common
		r.Bound, r.Decide = l.Bounds.Bound(t.Name(), t.Refusal(), mode)
	}
	return r
}

// told notes what the model said of the refusal.
func told(ans *core.Answer, asked *core.Refusal, mode calibrate.Mode, said *core.RefusalScore) {
	ans.RefusalProbability, ans.Receipt.Refusal = nil, nil
	if asked == nil || said == nil {
		return
	}
	if !asked.Decide {
		mode = calibrate.Off
	}
	p := said.Probability
	ans.RefusalProbability, ans.Receipt.Refusal = &p, &core.RefusalReceipt{Refusal: *asked, RefusalScore: *said, Mode: string(mode)}
}

// bare keeps letters and digits only, in compatibility form and lower case.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(s))
}

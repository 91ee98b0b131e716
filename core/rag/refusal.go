package rag

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
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

// bare keeps letters and digits only, in compatibility form and lower case.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(s))
}

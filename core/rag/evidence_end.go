package rag

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Japanese clauses are joined by the form of their verb, so one that is cut out of its sentence ("20分以内に移し、…") is no sentence with a full stop behind it.

var (
	joining = regexp.MustCompile(`(?:[いきぎしちみりびえけげせてねめれべくず]|[んい]で|[すたるい]が|たら|れば|ながら)$`)
	// nouns and adverbs that end like that
	closed = regexp.MustCompile(`(?:なし|だけ|ため|とき|ころ|くらい|ぐらい|のみ|ごみ|あたり|より|つき|うち|たち|おき|近く|多く|全て|すべて|いずれ|それ|これ|くすり|はがき|ちらし)$`)
)

// Conditions end or begin so: "直ちに解約するときは、", "If you leave at once,".
var (
	conditionJa = regexp.MustCompile(`(?:^|[。、])([^。、]{2,40}?(?:とき(?:に)?は|場合(?:に)?は|場合(?:に)?限り|に限り|際(?:に)?は|れば|たら|ならば)、\s*)$`)
	conditionEn = regexp.MustCompile(`(?i)(?:^|[.;] )((?:if|when|unless|where|in case) [^,.;]{3,80},\s*)$`)
)

// conditioned is a clause with the condition that its sentence puts right before it, without which it would promise too much. The condition is not what was found to answer: it
// has no say in that, and is not trimmed.
func (c candidate) conditioned() candidate {
	if c.within == (Span{}) {
		return c
	}
	before := strings.ReplaceAll(string(c.of[c.within.Start:c.span.Start]), "\n", " ")
	for _, condition := range []*regexp.Regexp{conditionJa, conditionEn} {
		if m := condition.FindStringSubmatch(before); m != nil && strings.Count(m[1], "「") == strings.Count(m[1], "」") && strings.Count(m[1], "（") == strings.Count(m[1], "）") {
			c.condition = utf8.RuneCountInString(m[1])
			return c.moved(-c.condition)
		}
	}
	return c
}

// unconditioned is a clause without its condition.
func (c candidate) unconditioned() candidate {
	n := c.condition
	c.condition = 0
	return c.moved(n)
}

// moved is a clause that begins n characters later.
func (c candidate) moved(n int) candidate {
	return c.at(Span{c.span.Start + n, c.span.End})
}

// Labels stand before an answer in a list of questions, and before an item of a numbered one: they are of the place, not of the answer. That of an article (第5条) is kept,
// which people ask for, and so is a name's initial (A. Smith).
var (
	answerLabel  = regexp.MustCompile(`^(?:[AＡ][:：]|[Aa]nswer:|(?:回答|答え?)[:：　 ])\s*(.)`)
	answerLetter = regexp.MustCompile(`^[AＡ][.．]\s*(.)`)
	conjunction  = regexp.MustCompile(`^(?:(?i:but|and|or|yet) |ただし、|しかし、|なお、|また、)`)
	smallWord    = regexp.MustCompile(`^[a-z]+[ ,]`)
	itemNumber   = regexp.MustCompile(`^\(?\d{1,3}[.)．）]\s+(\D)`)
)

// unlabelled is an answer, from below a heading, without the label of the place that it is from and the conjunction that joins it to what stands before, behind its yes or no.
func unlabelled(answer, heading string) string {
	lead, rest := yesNo(answer)
	plain := itemNumber.ReplaceAllString(answerLabel.ReplaceAllString(leadMarks.ReplaceAllString(rest, ""), "$1"), "$1")
	if strings.HasPrefix(heading, "Q") || Language(rest) == "ja" {
		plain = answerLetter.ReplaceAllString(plain, "$1")
	}
	if alone := conjunction.ReplaceAllString(plain, ""); alone != plain && utf8.RuneCountInString(alone) > 8 {
		if plain = alone; lead == "" && smallWord.MatchString(plain) {
			plain = strings.ToUpper(plain[:1]) + plain[1:]
		}
	}
	if plain == rest {
		return answer
	}
	return led(lead, plain)
}

// unfinished is an answer that is a part of a sentence, with an ellipsis where the sentence goes on and the words ask for that.
func unfinished(answer, sentence string) string {
	lead, rest := yesNo(answer)
	plain := strings.TrimRight(rest, "。")
	if plain == rest || !joining.MatchString(plain) || closed.MatchString(plain) {
		return answer
	}
	at, ok := placeIn(plain, sentence)
	if !ok {
		return answer
	}
	after := strings.TrimLeft(string([]rune(sentence)[at.End:]), " 　")
	if after == "" || strings.IndexAny(after, "\n。．.！!？?）)」") == 0 {
		return answer
	}
	return led(lead, plain+"…")
}

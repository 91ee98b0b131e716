package rag

import (
	"regexp"
	"strings"
)

// Japanese clauses are joined by the form of their verb, so one that is cut out of its sentence ("20分以内に移し、…") is no sentence with a full stop behind it.

var (
	joining = regexp.MustCompile(`(?:[いきぎしちみりびえけげせてねめれべくず]|[んい]で|[すたるい]が|たら|れば|ながら)$`)
	// nouns and adverbs that end like that
	closed = regexp.MustCompile(`(?:なし|だけ|ため|とき|ころ|くらい|ぐらい|のみ|ごみ|あたり|より|つき|うち|たち|おき|近く|多く|全て|すべて|いずれ|それ|これ|くすり|はがき|ちらし)$`)
)

// Labels stand before an answer in a list of questions, and before an item of a numbered one: they are of the place, not of the answer. That of an article (第5条) is kept,
// which people ask for, and so is a name's initial (A. Smith).
var (
	answerLabel  = regexp.MustCompile(`^(?:[AＡ][:：]|[Aa]nswer:|(?:回答|答え?)[:：　 ])\s*(.)`)
	answerLetter = regexp.MustCompile(`^[AＡ][.．]\s*(.)`)
	itemNumber   = regexp.MustCompile(`^\(?\d{1,3}[.)．）]\s+(\D)`)
)

// unlabelled is an answer, from below a heading, without the label of the place that it is from, behind its yes or no.
func unlabelled(answer, heading string) string {
	lead, rest := yesNo(answer)
	plain := itemNumber.ReplaceAllString(answerLabel.ReplaceAllString(rest, "$1"), "$1")
	if strings.HasPrefix(heading, "Q") || Language(rest) == "ja" {
		plain = answerLetter.ReplaceAllString(plain, "$1")
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

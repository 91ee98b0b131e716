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

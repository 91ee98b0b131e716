package rag

import (
	"context"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Whether a question asks for a yes or no, and which of them a sentence says.

// whWords are the English question words.
const whWords = `(?:who|whom|whose|what|when|where|which|how|why)`

var (
	yesNoLead = regexp.MustCompile(`(?i)^\s*(はい|いいえ|yes\b|no\b)[\s、。，,.!！]*`)
	// whichEn finds questions that ask for something, also behind a preposition or a clause ("For guests, when is it open?"), or politely ("Can you tell me when it opens?").
	whichEn = regexp.MustCompile(`(?i)^\s*(?:(?:about|at|by|for|from|in|on|since|through|to|under|until|with)\s+)?` + whWords + `\b` +
		`|[,:]\s*` + whWords + `\s+(?:is|are|was|were|do|does|did|can|could|should|must|will|would|has|have|had|much|many|long|often)\b` +
		`|^\s*(?:can|could|would|will|may|do|is|are)\s+(?:(?:you|anyone|anybody|someone|somebody|it|there)\b.{0,20}\b(?:tell|know|known|say|said|stated|explain|remind|idea|information)|(?:i|we)\b.{0,12}\b(?:know|find out))\b.*\b` + whWords + `\b`)
	whichJa = regexp.MustCompile(`何|誰|だれ|どなた|いつ|どこ|どれ|どの|どん|どう|どち|いくら|いくつ|なぜ`)
	// anyJa are Japanese question words that ask for nothing: いつでも, 何度でも, どこで書いても, 何か, 誰も, かどうか; 何か月, 誰から and どこでもらう do.
	anyJa = regexp.MustCompile(`かどうか|(?:何|なに|誰|だれ|どなた|いつ|どこ|どれ|どの|どんな|どちら|いくら|いくつ|どう)(?:[^、。？?\s]{0,8}(?:でも|ても)([^ら]|$)|も([^ら]|$)|か([^らカヶケか月所年日国条]|$))`)
	// Questions that ask for a yes or no: English ones by their verb, at the beginning or behind a clause, or by "right?"; Japanese ones by their end, but for those that
	// name a thing alone (料金は？) or two to choose from.
	sideEn   = regexp.MustCompile(`(?i)^\s*(?:(?:and|but|so|then|if|when|in|for|with|after|as|while|once|since|at|on)\b[^?]*,\s*|(?:and|but|so|then)\s+)?(?:is|are|was|were|am|do|does|did|can|could|may|might|must|should|shall|will|would|has|have|had)\b|,\s*(?:right|correct|yes|ok)\s*\?\s*$`)
	sideJa   = regexp.MustCompile(`(?:(?:ます|です|でしょう|ません|した|よい|いい|る|た|ない|の|る)か|[ますでしょ]?よね|かな|[るたいすくむうぬぐぶつの]|無料|有料|大丈夫|平気|本当|だめ|ダメ|駄目|べき|可能|必要|不要|無理|禁止|有効|無効|同じ|ＯＫ|OK)\s*[。？?]?\s*$`)
	eitherEn = regexp.MustCompile(`(?i)\bor\b`)
	eitherJa = regexp.MustCompile(`それとも|または|もしくは|か、|[はをもって]\s*[？?]?\s*$|教えて`)
	// behindEn is what stands behind what is told before an English question ("My line is busy. Will you ring back?").
	behindEn = regexp.MustCompile(`[.!?:;]\s+(\S[^.!;]*)$`)
)

// asksWhich says whether a question asks for something: yes and no are no answers to it.
func asksWhich(question string) bool {
	if Language(question) == "ja" {
		return whichJa.MatchString(anyJa.ReplaceAllString(question, "$1$2$3"))
	}
	return whichEn.MatchString(question) || whichEn.MatchString(lastOf(question))
}

// asksSide says whether a question asks for a yes or no.
func asksSide(question string) bool {
	switch {
	case asksWhich(question):
		return false
	case Language(question) == "ja":
		return sideJa.MatchString(question) && !eitherJa.MatchString(question)
	}
	return !eitherEn.MatchString(lastOf(question)) && (sideEn.MatchString(question) || sideEn.MatchString(lastOf(question)))
}

// lastOf is what an English question asks, without what is told before.
func lastOf(question string) string {
	if m := behindEn.FindStringSubmatch(strings.TrimSpace(question)); m != nil {
		return m[1]
	}
	return question
}

// sided is the yes or no that an answer begins with, as the cross-encoder reads it in the sentence, and the one that it should begin with where the question asks for one.
// What a question does not ask for goes, and so it does where yes and no are near: a wrong one is worse than the sentence alone.
func (a *Asker) sided(ctx context.Context, question string, seen logits, lead string, sentence candidate) (string, error) {
	if lead == "" && !asksSide(question) || asksWhich(question) {
		return "", nil
	}
	sides := [2]string{"Yes", "No"}
	if Language(question) == "ja" {
		sides = [2]string{"はい", "いいえ"}
	}
	var both []candidate
	for _, side := range sides {
		sentence.side = side
		both = append(both, sentence)
	}
	if err := a.compare(ctx, question, seen, both); err != nil {
		return "", err
	}
	yes := both[0].logit - both[1].logit
	switch {
	case math.Abs(yes) < reading.apart:
		return "", nil
	case yes > 0:
		return sides[0], nil
	}
	return sides[1], nil
}

// yesNo parts an answer from the yes or no that it begins with.
func yesNo(said string) (lead, rest string) {
	m := yesNoLead.FindStringSubmatchIndex(said)
	if m == nil {
		return "", said
	}
	return said[m[2]:m[3]], said[m[1]:]
}

// led is a text behind a yes or no.
func led(lead, text string) string {
	switch {
	case lead == "":
		return text
	case Language(lead) == "ja":
		return lead + "、" + text
	}
	return lead + ", " + text
}

// small are English words that are no names and that sentences and clauses begin with.
var small = strings.Fields("a an the it its this that these those they there we you he she his her our your their if when where while as at by for from in on of to with without after before until unless " +
	"because since so but and or not never always only no do does is are was were all each every any some both neither either whoever anyone nobody nothing everything please use call ask keep put take switch replace")

// cased is an English answer with a capital letter at its beginning, or a small one behind a yes or no, where it begins with a small word: of others it is part of the name.
func cased(answer string) string {
	lead, rest := yesNo(answer)
	first, _, _ := strings.Cut(rest, " ")
	if first == rest || !slices.Contains(small, strings.ToLower(first)) {
		return answer
	}
	to := unicode.ToUpper
	if lead != "" {
		to = unicode.ToLower
	}
	rs := []rune(rest)
	rs[0] = to(rs[0])
	return led(lead, string(rs))
}

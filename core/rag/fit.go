package rag

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"kakoi/core"
)

// A token is at least this many characters nowhere: longer texts than this times the budget need not be counted.
const maxCharsPerToken = 16

// Fit chooses the passages (best first) that a prompt of at most maxPromptTokens has room for, and returns them with
// the prompt and its length in tokens. The first passage that does not fit is trimmed to its sentences nearest to the
// question; what comes after it is left out. One CountTokens call when everything fits, else usually two more.
//
// Errors: core.ErrTooLarge (explained) when the question alone is over the budget.
func Fit(ctx context.Context, gen core.Generator, t *Template, passages []core.Passage, question string, maxPromptTokens int) (fit []core.Passage, prompt string, tokens int, err error) {
	if n := utf8.RuneCountInString(question); n > maxCharsPerToken*max(0, maxPromptTokens) {
		return nil, "", 0, tooLong(n, maxPromptTokens)
	}
	texts := []string{t.Prompt(nil, question), t.Prompt(passages, question)}
	for _, p := range passages {
		texts = append(texts, strings.TrimSpace(p.Text)+separator)
	}
	counts, err := count(ctx, gen, texts)
	if err != nil {
		return nil, "", 0, err
	}
	base, all, each := counts[0], counts[1], counts[2:]
	if base > maxPromptTokens {
		empty, err := count(ctx, gen, []string{t.Prompt(nil, "")})
		if err != nil {
			return nil, "", 0, err
		}
		if empty[0] >= maxPromptTokens {
			return nil, "", 0, core.Explain(fmt.Errorf("fit prompt of %d tokens into %d: %w", empty[0], maxPromptTokens, core.ErrTooLarge), "error.ask.noroom", maxPromptTokens)
		}
		return nil, "", 0, tooLong(utf8.RuneCountInString(question), maxPromptTokens-empty[0])
	}
	if all <= maxPromptTokens {
		return passages, texts[1], all, nil
	}
	used, n := base, 0
	for n < len(passages) && used+each[n] <= maxPromptTokens {
		used += each[n]
		n++
	}
	fit = append(fit, passages[:n]...)
	if n < len(passages) {
		trimmed, ok, err := trim(ctx, gen, passages[n], question, maxPromptTokens-used)
		if err != nil {
			return nil, "", 0, err
		}
		if ok {
			fit = append(fit, trimmed)
		}
	}
	// Tokens do not add up exactly where texts meet, so the whole prompt is counted and shortened until it fits.
	for {
		prompt = t.Prompt(fit, question)
		counts, err := count(ctx, gen, []string{prompt})
		if err != nil {
			return nil, "", 0, err
		}
		if counts[0] <= maxPromptTokens || len(fit) == 0 {
			return fit, prompt, counts[0], nil
		}
		last := fit[len(fit)-1]
		if spans := Sentences(last.Text); len(spans) > 1 {
			fit[len(fit)-1] = cutPassage(last, Span{spans[0].Start, spans[len(spans)-2].End})
		} else if n := last.End - last.Start; n > 40 {
			fit[len(fit)-1] = cutPassage(last, Span{0, n * 3 / 4})
		} else {
			fit = fit[:len(fit)-1]
		}
	}
}

// tooLong explains a question that leaves no room; room is in tokens, told in characters by the thumb rule of
// two characters a token (Japanese has fewer, English more).
func tooLong(chars, roomTokens int) error {
	return core.Explain(fmt.Errorf("fit question of %d characters into %d tokens: %w", chars, roomTokens, core.ErrTooLarge), "error.ask.toolong", chars, 2*max(0, roomTokens))
}

func count(ctx context.Context, gen core.Generator, texts []string) ([]int, error) {
	counts, err := gen.CountTokens(ctx, texts)
	if err != nil {
		return nil, fmt.Errorf("count tokens of %d texts: %w", len(texts), err)
	}
	if len(counts) != len(texts) {
		return nil, fmt.Errorf("count tokens of %d texts: %d counts: %w", len(texts), len(counts), core.ErrCorrupt)
	}
	return counts, nil
}

// trim cuts a passage to the run of its sentences that fits into room tokens and shares most with the question. A
// first sentence too long for it is cut by characters, so that the best passage is never lost.
func trim(ctx context.Context, gen core.Generator, p core.Passage, question string, room int) (core.Passage, bool, error) {
	if room < 8 {
		return p, false, nil // not even a short sentence
	}
	rs := []rune(p.Text)
	spans := Sentences(p.Text)
	texts := make([]string, len(spans))
	for i, s := range spans {
		texts[i] = string(rs[s.Start:s.End]) + "\n"
	}
	counts, err := count(ctx, gen, texts)
	if err != nil {
		return p, false, err
	}
	asked := newProfile(question)
	best, bestGain := Span{}, -1.0
	for i := range spans {
		used, gain := 0, 0.0
		for j := i; j < len(spans) && used+counts[j] <= room; j++ {
			used += counts[j]
			gain += asked.sharedWeight(newProfile(texts[j]))
			// A longer run of the same worth keeps more of the surroundings.
			if worth := gain + 1e-6*float64(j-i); worth > bestGain {
				best, bestGain = Span{spans[i].Start, spans[j].End}, worth
			}
		}
	}
	if bestGain >= 0 {
		return cutPassage(p, best), true, nil
	}
	if len(spans) == 0 {
		return p, false, nil
	}
	chars := spans[0].End - spans[0].Start
	keep := chars * room / max(1, counts[0]) * 9 / 10
	if keep < 8 {
		return p, false, nil
	}
	return cutPassage(p, Span{spans[0].Start, spans[0].Start + min(chars, keep)}), true, nil
}

// cutPassage is the part s (characters of its text) of a passage.
func cutPassage(p core.Passage, s Span) core.Passage {
	rs := []rune(p.Text)
	p.Text = string(rs[s.Start:s.End])
	p.Start, p.End = p.Start+s.Start, p.Start+s.End
	return p
}

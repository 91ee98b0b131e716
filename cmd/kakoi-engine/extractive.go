package main

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/japanese"

	"kakoi/core"
	"kakoi/core/neox"
	"kakoi/core/rag"
	"kakoi/resources"
)

// lookupPrompts is the number of prompts of `kakoi-engine bench decode --lookup`.
const lookupPrompts = 50

// extractive makes n pairs of requests whose answers stand in their prompts, the same at every run: for sentences spread
// evenly over the plain-text samples, the passage around one and a question for what it says, in the shipped prompt's
// words; and a second one for what another sentence of the passage says. Nothing here knows what a model will answer.
func extractive(n int) ([]neox.AskedTwice, error) {
	templates, err := rag.LoadTemplates(resources.Prompts)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(resources.Samples, "*")
	if err != nil {
		return nil, fmt.Errorf("list samples: %w", err)
	}
	var all []neox.AskedTwice
	for _, name := range names {
		if ext := path.Ext(name); ext != ".txt" && ext != ".md" {
			continue
		}
		raw, err := fs.ReadFile(resources.Samples, name)
		if err != nil {
			return nil, fmt.Errorf("read sample: %w", err)
		}
		if !utf8.Valid(raw) { // one sample is as old editors wrote it
			if raw, err = japanese.ShiftJIS.NewDecoder().Bytes(raw); err != nil {
				return nil, fmt.Errorf("read sample %s: %w", name, err)
			}
		}
		text := []rune(string(raw))
		spans := rag.Sentences(string(raw))
		questions := make([]string, len(spans))
		for i, s := range spans {
			questions[i] = questionAbout(string(text[s.Start:s.End]))
		}
		for i, question := range questions {
			first, last := max(0, i-6), min(len(spans)-1, i+6)
			second := ""
			for j := first; j <= last; j++ {
				if j != i && questions[j] != "" {
					second = questions[j]
				}
			}
			if question == "" || second == "" {
				continue
			}
			around := []core.Passage{{Text: string(text[spans[first].Start:spans[last].End])}}
			t := templates.For(question)
			ask := func(question string) core.GenerateRequest {
				return core.GenerateRequest{Prompt: t.Prompt(around, question), Sampling: core.Sampling{MaxNewTokens: 96, Stop: t.Stop()}}
			}
			all = append(all, neox.AskedTwice{First: ask(question), Second: ask(second)})
		}
	}
	if len(all) < n {
		return nil, fmt.Errorf("%d sentences for %d prompts: %w", len(all), n, core.ErrEmpty)
	}
	picked := make([]neox.AskedTwice, n)
	for i := range picked {
		picked[i] = all[i*len(all)/n]
	}
	return picked, nil
}

// questionAbout asks for what a sentence says of its subject; empty for one whose subject is not plain.
func questionAbout(sentence string) string {
	sentence = strings.TrimSpace(strings.TrimLeft(sentence, "0123456789.- "))
	if subject, rest, ok := strings.Cut(sentence, "は、"); ok && len(rest) > 12 && plainSubject(subject, 3, 18) {
		return subject + "について教えてください。"
	}
	if subject, rest, ok := strings.Cut(sentence, "は"); ok && len(rest) > 12 && plainSubject(subject, 3, 18) {
		return subject + "について教えてください。"
	}
	for _, verb := range []string{" can be ", " must be ", " will be ", " may ", " is ", " are ", " was ", " takes ", " has ", " runs ", " can "} {
		if subject, rest, ok := strings.Cut(sentence, verb); ok && len(rest) > 12 && plainSubject(subject, 4, 40) {
			return "What does it say about " + strings.ToLower(subject[:1]) + subject[1:] + "?"
		}
	}
	return ""
}

func plainSubject(s string, least, most int) bool {
	n := len([]rune(s))
	return n >= least && n <= most && !strings.ContainsAny(s, "。、.,:：#*-|0123456789\n")
}

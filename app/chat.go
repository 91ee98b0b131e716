package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"unicode/utf8"

	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/rag"
)

// maxQuestionChars is more than any model here can read; it keeps absurd input from the engine.
const maxQuestionChars = 20_000

// Chat answers questions from a collection.
type Chat struct {
	Library  *Library
	Models   *Models
	Settings *settings.File
	Prompts  []fs.FS // folders of templates, first match wins: the user's, then the shipped ones
}

// AskOptions are what a person may set for one question; zero values keep the preset's.
type AskOptions struct {
	Collection   string
	Preset       string // "recommended", "techlab"
	Top          int    // passages at most
	Temperature  *float64
	MaxNewTokens int
	Seed         uint64
}

// Ask answers one question; emit (nil is allowed) gets the text as it comes.
func (c *Chat) Ask(ctx context.Context, question string, opt AskOptions, emit func(core.Delta) error, p core.Progress) (core.Answer, error) {
	if n := utf8.RuneCountInString(question); n > maxQuestionChars {
		return core.Answer{}, core.Explain(fmt.Errorf("ask: question of %d characters: %w", n, core.ErrTooLarge), "error.chat.toolong", n, maxQuestionChars)
	}
	set := c.Settings.Get()
	how, err := rag.Preset(opt.Preset)
	if err != nil {
		return core.Answer{}, err
	}
	if opt.Preset == "" {
		how.Passages = min(how.Passages, set.Top)
	}
	if opt.Top > 0 {
		how.Passages, how.Candidates = opt.Top, max(how.Candidates, 2*opt.Top)
	}
	if opt.Temperature != nil {
		how.Sampling.Temperature = *opt.Temperature
	}
	if opt.MaxNewTokens > 0 {
		how.Sampling.MaxNewTokens = opt.MaxNewTokens
	}
	if opt.Seed != 0 {
		how.Sampling.Seed = opt.Seed
	}
	templates, err := rag.LoadTemplates(c.Prompts...)
	if err != nil {
		return core.Answer{}, err
	}
	collection, err := c.Library.Collection(ctx, opt.Collection)
	if errors.Is(err, core.ErrEmpty) {
		return nothing(question, templates, emit)
	}
	if err != nil {
		return core.Answer{}, err
	}
	asker := rag.Asker{Search: Searcher{Store: c.Library.Store, Collection: collection.ID}, Templates: templates}
	var wg sync.WaitGroup
	var generatorErr, embedderErr error
	wg.Go(func() { asker.Generator, generatorErr = c.Models.Generator(ctx, p) })
	wg.Go(func() { asker.Embedder, embedderErr = c.Models.Embedder(ctx, nil) })
	wg.Wait()
	if generatorErr != nil {
		return core.Answer{}, generatorErr
	}
	if embedderErr != nil {
		return core.Answer{}, embedderErr
	}
	answer, err := asker.Ask(ctx, question, how, emit)
	if err != nil {
		return answer, fmt.Errorf("ask %q: %w", collection.Name, err)
	}
	return answer, nil
}

// nothing answers a question to a library without documents: no model has to be loaded for that.
func nothing(question string, templates rag.Templates, emit func(core.Delta) error) (core.Answer, error) {
	question = strings.TrimSpace(question)
	a := core.Answer{Question: question, Refused: true, Citations: []core.Citation{}, Unsupported: []string{}, Passages: []core.Passage{}}
	if question == "" {
		return a, core.Explain(fmt.Errorf("ask: no question: %w", core.ErrUsage), "error.ask.empty")
	}
	if t := templates.For(question); t != nil {
		a.Text = t.Refusal()
	}
	if emit == nil {
		return a, nil
	}
	return a, emit(core.Delta{Text: a.Text})
}

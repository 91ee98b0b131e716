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

// AskOptions are what a person may set for one question. Without a preset zero values are those of the settings; with one
// they are the preset's.
type AskOptions struct {
	Collection   string
	Model        string // a chat model by name; "" is the one in use
	Preset       string // "recommended", "techlab"
	Top          int    // passages at most
	Temperature  *float64
	MaxNewTokens int
	Seed         uint64

	// OnPassages (nil is allowed) hears of the passages as soon as they are found, before the model is asked.
	OnPassages func([]core.Passage)
}

// Ask answers one question; emit (nil is allowed) gets the text as it comes.
func (c *Chat) Ask(ctx context.Context, question string, opt AskOptions, emit func(core.Delta) error, p core.Progress) (core.Answer, error) {
	if err := checkQuestion(question); err != nil {
		return core.Answer{}, err
	}
	if opt.Preset == "" {
		opt = opt.orSet(c.Settings.Get())
	}
	how, err := rag.Preset(opt.Preset)
	if err != nil {
		return core.Answer{}, err
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
	how.OnPassages = opt.OnPassages
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
	release, releaseEmbedder := c.Models.hold(opt.Model), c.Models.holdEmbedder()
	defer func() {
		release()
		releaseEmbedder()
		c.Models.releaseOthers(opt.Model) // another may have been compared with before
	}()
	wg.Go(func() { asker.Generator, generatorErr = c.Models.GeneratorNamed(ctx, opt.Model, p) })
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

// orSet fills what is not given with what is set.
func (o AskOptions) orSet(set settings.Settings) AskOptions {
	o.Preset = set.Preset
	if o.Top == 0 {
		o.Top = set.Top
	}
	if o.Temperature == nil && set.Temperature >= 0 {
		o.Temperature = &set.Temperature
	}
	if o.MaxNewTokens == 0 {
		o.MaxNewTokens = set.MaxNewTokens
	}
	return o
}

// checkQuestion refuses what no model can be asked.
func checkQuestion(question string) error {
	if strings.TrimSpace(question) == "" {
		return core.Explain(fmt.Errorf("ask: no question: %w", core.ErrUsage), "error.ask.empty")
	}
	if n := utf8.RuneCountInString(question); n > maxQuestionChars {
		return core.Explain(fmt.Errorf("ask: question of %d characters: %w", n, core.ErrTooLarge), "error.chat.toolong", n, maxQuestionChars)
	}
	return nil
}

// nothing answers a question to a library without documents: no model has to be loaded for that.
func nothing(question string, templates rag.Templates, emit func(core.Delta) error) (core.Answer, error) {
	question = strings.TrimSpace(question)
	a := core.Answer{Question: question, Refused: true, Citations: []core.Citation{}, Unsupported: []string{}, Passages: []core.Passage{}}
	if t := templates.For(question); t != nil {
		a.Text = t.Refusal()
	}
	if emit == nil {
		return a, nil
	}
	return a, emit(core.Delta{Text: a.Text})
}

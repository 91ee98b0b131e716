package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"sync"
	"unicode/utf8"

	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/rag"
)

// maxQuestionChars is more than any model here can read; it keeps absurd input from the engine.
const maxQuestionChars = 20_000

// Chat answers questions from a collection.
type Chat struct {
	Library  *Library
	Models   *Models
	Settings *settings.File
	Prompts  []fs.FS   // folders of templates, first match wins: the user's, then the shipped ones
	Adapters *Adapters // nil: models answer as they are
	Version  string    // of the program, for receipts
}

// AskOptions are what a person may set for one question. Without a preset zero values are those of the settings; with one
// they are the preset's.
type AskOptions struct {
	Collection   string
	Model        string   // a chat model by name; "" is the one in use
	Adapter      string   // of the model: "" is its default one, NoAdapter the model as it is
	Adapters     []string // several, as Adapter: they answer side by side in one batch (AskEach, Conversations); Adapter is left alone then
	Preset       string   // "recommended", "techlab"
	Top          int      // passages at most
	Neighbours   *int     // passages before and behind each that go into the prompt too, where there is room; nil: the preset's or the settings'
	Temperature  *float64
	MaxNewTokens int
	Seed         uint64
	Refusal      calibrate.Mode // where the model has bounds for its refusals; "": the preset's or the settings'

	// Given are passages to answer from, in this order; nothing is searched then, and they may fill what the model can read.
	Given []core.Passage

	// OnPassages (nil is allowed) hears of the passages as soon as they are found, before the model is asked.
	OnPassages func([]core.Passage)

	onRead func([]core.Passage) // rag.AskOptions.OnRead
}

// maxLanes is how many adapters answer side by side.
const maxLanes = 2

// Ask answers one question; emit (nil is allowed) gets the text as it comes.
func (c *Chat) Ask(ctx context.Context, question string, opt AskOptions, emit func(core.Delta) error, p core.Progress) (core.Answer, error) {
	if len(opt.Adapters) > 1 {
		return core.Answer{}, fmt.Errorf("ask %d adapters for one answer: %w", len(opt.Adapters), core.ErrUsage)
	}
	answers, err := c.AskEach(ctx, question, opt, func(_ int, d core.Delta) error {
		if emit == nil {
			return nil
		}
		return emit(d)
	}, p)
	if len(answers) == 0 {
		return core.Answer{}, err
	}
	return answers[0], err
}

// AskEach has each of opt.Adapters answer one question: the library is searched once, and the model is asked in one batch. The answers
// are in that order, and emit (nil is allowed) hears of each by its place there.
func (c *Chat) AskEach(ctx context.Context, question string, opt AskOptions, emit func(i int, d core.Delta) error, p core.Progress) ([]core.Answer, error) {
	if err := checkQuestion(question); err != nil {
		return nil, err
	}
	which := opt.Adapters
	if len(which) == 0 {
		which = []string{opt.Adapter}
	}
	if len(which) > maxLanes {
		return nil, fmt.Errorf("ask %d adapters: %w", len(which), core.ErrUsage)
	}
	how, err := c.how(opt)
	if err != nil {
		return nil, err
	}
	templates, err := rag.LoadTemplates(c.Prompts...)
	if err != nil {
		return nil, err
	}
	collection, err := c.Library.Collection(ctx, opt.Collection)
	if errors.Is(err, core.ErrEmpty) {
		return nothing(question, templates, len(which), emit)
	}
	if err != nil {
		return nil, err
	}
	asker := rag.Asker{Search: Searcher{Store: c.Library.Store, Collection: collection.ID}, Templates: templates}
	var wg sync.WaitGroup
	var generatorErr, embedderErr, rerankerErr error
	release, releaseEmbedder := c.Models.hold(opt.Model), c.Models.holdEmbedder()
	defer func() {
		release()
		releaseEmbedder()
		c.Models.releaseOthers(opt.Model) // another may have been compared with before
	}()
	wg.Go(func() { asker.Generator, generatorErr = c.Models.GeneratorNamed(ctx, opt.Model, p) })
	wg.Go(func() { asker.Embedder, embedderErr = c.Models.Embedder(ctx, nil) })
	wg.Go(func() { asker.Reranker, how.Rerank, rerankerErr = c.Models.Reranker(ctx, nil) })
	wg.Wait()
	if generatorErr != nil {
		return nil, generatorErr
	}
	if err := cmp.Or(embedderErr, rerankerErr); err != nil {
		return nil, err
	}
	asker.Evidence = c.Models.evidenceFor(ctx, asker.Generator.Info(), p)
	lanes := make([]rag.Lane, len(which))
	for i, name := range which {
		if lanes[i], _, err = c.lane(ctx, asker.Generator.Info(), evidenceID(asker.Evidence), name); err != nil {
			return nil, err
		}
	}
	answers, err := asker.AskEach(ctx, question, how, lanes, emit)
	c.stamp(ctx, collection.ID, answers)
	if err != nil {
		return answers, fmt.Errorf("ask %q: %w", collection.Name, err)
	}
	return answers, nil
}

// how is the way of searching and generating that the options and the settings come to.
func (c *Chat) how(opt AskOptions) (rag.AskOptions, error) {
	if opt.Preset == "" {
		opt = opt.orSet(c.Settings.Get())
	}
	how, err := rag.Preset(opt.Preset)
	if err != nil {
		return how, err
	}
	if opt.Top > 0 {
		how.Passages, how.Candidates = opt.Top, max(how.Candidates, 2*opt.Top)
	}
	if opt.Neighbours != nil {
		how.Neighbours = *opt.Neighbours
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
	if opt.Refusal != "" {
		how.Refusal = opt.Refusal
	}
	how.OnPassages, how.OnRead = opt.OnPassages, opt.onRead
	if len(opt.Given) > 0 {
		how.Given, how.PromptTokens = opt.Given, math.MaxInt32
	}
	return how, nil
}

// orSet fills what is not given with what is set.
func (o AskOptions) orSet(set settings.Settings) AskOptions {
	o.Preset = set.Preset
	if o.Refusal == "" && set.Preset != settings.TECHLab { // the recipe leaves refusing to the model
		o.Refusal = calibrate.Mode(set.Refusal)
	}
	if o.Top == 0 {
		o.Top = set.Top
	}
	if o.Neighbours == nil {
		o.Neighbours = &set.Neighbours
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

// nothing answers a question to a library without documents, n times: no model has to be loaded for that.
func nothing(question string, templates rag.Templates, n int, emit func(int, core.Delta) error) ([]core.Answer, error) {
	question = strings.TrimSpace(question)
	a := core.Answer{Question: question, Refused: true, Citations: []core.Citation{}, Unsupported: []string{}, Passages: []core.Passage{}}
	if t := templates.For(question); t != nil {
		a.Text = t.Refusal()
	}
	answers := make([]core.Answer, n)
	for i := range answers {
		answers[i] = a
		if emit == nil {
			continue
		}
		if err := emit(i, core.Delta{Text: a.Text}); err != nil {
			return answers, err
		}
	}
	return answers, nil
}

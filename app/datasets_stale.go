package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/rag"
)

// readingOf is the identity of how a narrow model is asked from evidence of that ID; "" from none.
func readingOf(evidence string) string {
	if evidence == "" {
		return ""
	}
	return fmt.Sprintf("evidence %s %d", evidence, rag.Reading)
}

// askingSum is the identity, 16 hex digits, of how a chat builds its prompts: its templates, how many passages it takes, what is
// around them, how long they may be, and readingOf its evidence.
func askingSum(templates rag.Templates, how rag.AskOptions, reading string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %d %d %d\x00", how.Candidates, how.PromptTokens, how.Passages, how.Sampling.MaxNewTokens)
	if how.Neighbours > 0 { // sums of before there were neighbours stay as they are
		fmt.Fprintf(h, "neighbours %d\x00", how.Neighbours)
	}
	if reading != "" { // so do sums without
		fmt.Fprintf(h, "%s\x00", reading)
	}
	probe := []core.Passage{{Text: "\x01"}}
	for _, lang := range slices.Sorted(maps.Keys(templates)) {
		t := templates[lang]
		fmt.Fprintf(h, "%s\x00%s\x00%s\x00", lang, t.Prompt(probe, "\x02"), t.Refusal())
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Stale says what has changed since a dataset's prompts were built, so that they are not those that a chat with a model ("": the one in
// use) would get now: keys of the translations, each with KEY.hint. What is not known without loading a model is not said.
func (d *Datasets) Stale(ctx context.Context, s record.Dataset, model string) []string {
	var told []string
	if s.ModelID == "" { // a file gave the prompts
		return told
	}
	models := d.Chat.Models
	if model == "" {
		model = models.Settings.Get().ChatModel
	}
	now, err := models.KnownGenerator(ctx, model)
	reading := ""
	if err == nil {
		reading = readingOf(models.knownEvidence(ctx, now))
	}
	if err == nil && now.ID != s.ModelID || err != nil && model != s.Model {
		told = append(told, "dataset.warn.model")
	}
	if now, err := models.KnownEmbedder(ctx); err == nil && now.ID != s.EmbedderID {
		told = append(told, "dataset.warn.embedder")
	}
	if s.Asking == "" { // it is older than this
		return told
	}
	if s.Finding != rag.Finding {
		told = append(told, "dataset.warn.finding")
	}
	how, err := d.Chat.how(AskOptions{})
	templates, terr := rag.LoadTemplates(d.Chat.Prompts...)
	switch {
	case err != nil || terr != nil: // whoever asks is told
		slog.Warn("prompts of a dataset", "dataset", s.ID, "error", err, "templates", terr)
	case askingSum(templates, how, reading) != s.Asking:
		told = append(told, "dataset.warn.asking")
	}
	return told
}

package main

import (
	"fmt"

	"kakoi/core"
)

// printReceipt prints how an answer came about, where it was asked for.
func (c *call) printReceipt(a core.Answer) {
	r := a.Receipt
	if r == nil {
		return
	}
	line := func(key string, args ...any) { fmt.Fprintln(c.Out, c.text(key, args...)) }
	fmt.Fprintln(c.Out)
	line("cli.receipt.model", sanitize(a.Model, false), r.ModelID, r.Device, r.DType)
	if r.EmbedderID != "" {
		line("cli.receipt.embedder", r.EmbedderID)
	}
	if r.AdapterID != "" {
		line("cli.receipt.adapter", sanitize(r.AdapterID, false))
	}
	if r.Prompt == "" {
		line("cli.receipt.unasked")
		return
	}
	s := r.Sampling
	line("cli.receipt.sampling", s.Temperature, s.TopK, s.TopP, s.RepetitionPenalty, s.Seed, s.MaxNewTokens)
	if x := r.Refusal; x != nil && x.Decide {
		line("cli.receipt.refusal_bound", 100*x.Probability, 100*x.Bound, c.text("refusal."+x.Mode))
	} else if x != nil {
		line("cli.receipt.refusal", 100*x.Probability)
	}
	line("cli.receipt.speed", a.PromptTokens, r.PrefillSeconds, a.NewTokens, r.DecodeSeconds)
	for i, p := range a.Passages {
		fmt.Fprintf(c.Out, "[%d] %s  %s\n", i+1, c.place(p.Name, p.Page), c.text("cli.search.scores", p.Score, p.Dense, p.Lexical))
	}
	line("cli.receipt.hashes", r.PromptSHA256, r.ReplySHA256)
	line("cli.receipt.prompt", r.Template)
	fmt.Fprintln(c.Out, sanitize(r.Prompt, true))
}

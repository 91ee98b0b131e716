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
	if e := r.Evidence; e != nil {
		line("cli.receipt.evidence", e.ID, e.Read, 100*e.Answerable)
		if e.Bound > 0 {
			line("cli.receipt.refusal_bound", 100*e.Refusal, 100*e.Bound, c.text("refusal."+e.Mode))
		}
		for _, x := range e.Stretches {
			fmt.Fprintln(c.Out, "  "+sanitize(c.text("chat.details.stretch", c.place(x.Document, x.Page), 100*x.Probability, x.Text), false))
		}
	}
	if e := r.Evidence; r.Prompt == "" {
		if e != nil && e.Refused {
			line("chat.details.unanswered")
		} else {
			line("cli.receipt.unasked")
		}
		return
	}
	s := r.Sampling
	line("cli.receipt.sampling", s.Temperature, s.TopK, s.TopP, s.RepetitionPenalty, s.Seed, s.MaxNewTokens)
	if x := r.Refusal; r.Evidence == nil && x != nil && x.Decide {
		line("cli.receipt.refusal_bound", 100*x.Probability, 100*x.Bound, c.text("refusal."+x.Mode))
	} else if r.Evidence == nil && x != nil {
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

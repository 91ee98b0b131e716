package receipt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kakoi/core"
)

// Of is the receipt of an answer, with what was recorded of it then. The caller adds what only a library knows: names, hashes of a model's files.
func Of(a core.Answer) Receipt {
	r := Receipt{
		Made: time.Now().UTC().Truncate(time.Second), Question: text(a.Question), Passages: []Passage{}, Missing: []Missing{},
		Answer: Answer{Text: text(a.Text), Refused: a.Refused, Quoted: a.Quoted, Citations: a.Citations, Unsupported: a.Unsupported},
	}
	if r.Answer.Citations == nil {
		r.Answer.Citations = []core.Citation{}
	}
	if r.Answer.Unsupported == nil {
		r.Answer.Unsupported = []string{}
	}
	x := a.Receipt
	if x == nil {
		x = &core.Receipt{}
		r.miss(MissingAll)
	}
	unknown := false
	for _, p := range a.Passages {
		unknown = unknown || x.Documents[p.Document] == ""
		r.Passages = append(r.Passages, Passage{
			Document: p.Document, Name: text(p.Name), DocumentSHA256: x.Documents[p.Document], Page: p.Page, Start: p.Start, End: p.End,
			Text: text(p.Text), SHA256: Sum(text(p.Text)), Score: p.Score, Dense: p.Dense, Lexical: p.Lexical, Same: p.Same,
		})
	}
	if unknown {
		r.miss(MissingDocuments)
	}
	if x.EmbedderID != "" {
		r.Embedder = &Model{ID: x.EmbedderID}
	}
	if x.ModelID != "" {
		r.Model = &Model{Name: a.Model, ID: x.ModelID}
	}
	if x.AdapterID != "" {
		r.Adapter = &Adapter{ID: x.AdapterID}
	}
	if e := x.Evidence; e != nil {
		own := *e
		own.Stretches = slices.Clone(e.Stretches)
		for i, s := range own.Stretches {
			own.Stretches[i].Document, own.Stretches[i].Text, own.Stretches[i].Heading = text(s.Document), text(s.Text), text(s.Heading)
		}
		r.Evidence = &own
	}
	r.origin(x)
	if x.Prompt != "" {
		r.asked(a, x)
	}
	if a.Refused {
		r.Answer.RefusedBy = RefusedByModel
		switch {
		case x.Evidence != nil && x.Evidence.Refused:
			r.Answer.RefusedBy = RefusedByEvidence
		case x.Prompt == "":
			r.Answer.RefusedBy = RefusedBySearch
		case x.Refusal != nil && x.Refusal.Refused:
			r.Answer.RefusedBy = RefusedByBound
		}
	}
	return r
}

func (r *Receipt) miss(m Missing) { r.Missing = append(r.Missing, m) }

// text is what JSON can hold of a text: documents may have bytes that are not UTF-8.
func text(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func (r *Receipt) origin(x *core.Receipt) {
	if x.ModelID == "" {
		return
	}
	r.Origin = &Origin{Device: x.Device, DType: x.DType}
	o := x.Origin
	if o == nil {
		r.miss(MissingOrigin)
		return
	}
	r.Origin.Program, r.Origin.Engine, r.Origin.Torch, r.Origin.Processor = o.Program, o.Engine, o.Torch, o.Processor
	r.Origin.Threads, r.Origin.SideBySide = o.Threads, o.SideBySide
}

func (r *Receipt) asked(a core.Answer, x *core.Receipt) {
	r.Request = &Request{Prompt: text(x.Prompt), PromptSHA256: x.PromptSHA256, Template: x.Template, Sampling: samplingOf(x.Sampling)}
	if Sum(r.Request.Prompt) != x.PromptSHA256 {
		r.Request.PromptSHA256 = ""
		r.miss(MissingPrompt)
	}
	y := Reply{Text: text(x.Reply), SHA256: x.ReplySHA256, Tokens: x.Tokens, PromptTokens: a.PromptTokens, NewTokens: a.NewTokens, Stop: string(x.Stop)}
	if q := x.Refusal; q != nil {
		asked, score := q.Refusal, q.RefusalScore
		r.Request.Refusal, r.Request.RefusalMode, y.Refusal = &asked, q.Mode, &score
	}
	if x.Reply == "" && x.ReplySHA256 != "" && x.ReplySHA256 != Sum("") { // of before it was recorded
		found := false
		for _, guess := range []string{a.Text, " " + a.Text, a.Text + "\n", " " + a.Text + "\n"} {
			if Sum(guess) == x.ReplySHA256 {
				y.Text, found = guess, true
				break
			}
		}
		if !found {
			r.miss(MissingReply)
		}
	}
	if x.ReplySHA256 == "" { // nothing finished came
		y.Text = text(a.Text)
	} else if !r.lacks(MissingReply) && Sum(y.Text) != x.ReplySHA256 {
		y.SHA256 = ""
		r.miss(MissingReplyByte)
	}
	decided := y.Refusal != nil && y.Refusal.Refused
	if len(y.Tokens) == 0 && y.NewTokens > 0 && !decided {
		r.miss(MissingTokens)
	}
	r.Reply = &y
}

func samplingOf(s core.Sampling) Sampling {
	if s.Stop == nil {
		s.Stop = []string{}
	}
	return Sampling{
		Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, RepetitionPenalty: s.RepetitionPenalty, Seed: strconv.FormatUint(s.Seed, 10),
		MaxNewTokens: s.MaxNewTokens, Stop: s.Stop,
	}
}

// Generate is the request to generate the reply again: core.ErrUnsupported where the model was not asked, or where it is not known exactly what.
func (r Receipt) Generate() (core.GenerateRequest, error) {
	q := r.Request
	if q == nil || r.Model == nil {
		return core.GenerateRequest{}, core.Explain(fmt.Errorf("replay receipt: no prompt: %w", core.ErrUnsupported), "error.chat.replay.noprompt")
	}
	if r.lacks(MissingPrompt) {
		return core.GenerateRequest{}, core.Explain(fmt.Errorf("replay receipt: prompt not known: %w", core.ErrUnsupported), "error.receipt.replay.prompt")
	}
	seed, err := strconv.ParseUint(q.Sampling.Seed, 10, 64)
	if err != nil {
		return core.GenerateRequest{}, core.Explain(fmt.Errorf("replay receipt: seed %q: %w", q.Sampling.Seed, core.ErrCorrupt), "error.receipt.content")
	}
	s := q.Sampling
	return core.GenerateRequest{Prompt: q.Prompt, Refusal: q.Refusal, Sampling: core.Sampling{
		Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, RepetitionPenalty: s.RepetitionPenalty, Seed: seed, MaxNewTokens: s.MaxNewTokens, Stop: s.Stop,
	}}, nil
}

package chat

import (
	"context"
	"strings"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
)

// Section is a part of the details of an answer.
type Section struct {
	Title string
	Text  string
	Mono  bool
}

// Details say how an answer came about.
func (m *Model) Details(turn, given string) []Section {
	_, g, ok := m.givenOf(turn, given)
	if !ok {
		return nil
	}
	t := m.shell.Text
	a := g.Answer
	out := []Section{{Title: t("chat.details.answer"), Text: strings.Join(m.answerLines(g), "\n")}}
	var lines []string
	for i, p := range a.Passages {
		lines = append(lines, t("chat.details.passage", i+1, m.place(p.Name, p.Page), p.Score, p.Dense, p.Lexical), "    "+oneLine(p.Text, 160))
	}
	if len(lines) == 0 {
		lines = []string{t("chat.details.nopassages")}
	}
	out = append(out, Section{Title: t("chat.details.passages"), Text: strings.Join(lines, "\n")})
	r := a.Receipt
	if r == nil {
		return out
	}
	out = append(out, Section{Title: t("chat.details.hashes"), Mono: true, Text: strings.Join(hashLines(t, r), "\n")})
	if e := r.Evidence; e != nil && e.Refused {
		return append(out, Section{Title: t("chat.details.prompt"), Text: t("chat.details.unanswered")})
	}
	if r.Prompt == "" {
		return append(out, Section{Title: t("chat.details.prompt"), Text: t("chat.details.unasked")})
	}
	return append(out, Section{Title: t("chat.details.prompt"), Text: r.Prompt, Mono: true})
}

func (m *Model) answerLines(g record.Given) []string {
	t := m.shell.Text
	a := g.Answer
	who := g.Model
	if g.Adapter != "" {
		who += " + " + g.AdapterName
	}
	lines := []string{t("chat.details.model", who, g.At.Local().Format("2006-01-02 15:04:05"))}
	r := a.Receipt
	if r == nil {
		return lines
	}
	s := r.Sampling
	lines = append(lines, t("chat.details.device", r.Device, r.DType))
	if s.Temperature == 0 {
		lines = append(lines, t("chat.details.greedy", s.MaxNewTokens))
	} else {
		lines = append(lines, t("chat.details.sampling", s.Temperature, s.TopK, s.TopP, s.RepetitionPenalty, s.Seed, s.MaxNewTokens))
	}
	if e := r.Evidence; e != nil {
		lines = append(lines, t("chat.details.evidence", e.Read, 100*e.Answerable))
		if e.Bound > 0 {
			lines = append(lines, t("chat.details.refusal_bound", 100*e.Refusal, 100*e.Bound, t("refusal."+e.Mode)))
		}
		for _, x := range e.Stretches {
			lines = append(lines, "  "+t("chat.details.stretch", m.place(x.Document, x.Page), 100*x.Probability, oneLine(x.Text, 160)))
		}
	} else if x := r.Refusal; x != nil && x.Decide {
		lines = append(lines, t("chat.details.refusal_bound", 100*x.Probability, 100*x.Bound, t("refusal."+x.Mode)))
	} else if x != nil {
		lines = append(lines, t("chat.details.refusal", 100*x.Probability))
	}
	if a.NewTokens > 0 {
		lines = append(lines, t("chat.details.speed", a.PromptTokens, rate(a.PromptTokens, r.PrefillSeconds), a.NewTokens, rate(a.NewTokens, r.DecodeSeconds), a.Seconds))
	}
	return lines
}

// rate is tokens a second.
func rate(n int, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

func hashLines(t func(string, ...any) string, r *core.Receipt) []string {
	var lines []string
	for _, h := range []struct{ key, value string }{
		{"chat.details.hash.model", r.ModelID}, {"chat.details.hash.embedder", r.EmbedderID}, {"chat.details.hash.adapter", r.AdapterID},
		{"chat.details.hash.prompt", r.PromptSHA256}, {"chat.details.hash.reply", r.ReplySHA256},
	} {
		if h.value != "" {
			lines = append(lines, t(h.key)+"  "+h.value)
		}
	}
	return lines
}

// CanReplay says whether an answer can be generated again.
func (m *Model) CanReplay(turn, given string) bool {
	_, g, ok := m.givenOf(turn, given)
	return ok && g.Answer.Receipt != nil && g.Answer.Receipt.Prompt != "" && m.live == nil
}

// Replay generates an answer again from its receipt and tells whether the same came; told is called on the window's goroutine, more
// than once while the model loads, the last time with done set. The result stops it.
func (m *Model) Replay(turn, given string, told func(text string, done bool)) (stop func()) {
	if _, g, ok := m.givenOf(turn, given); ok {
		given = g.ID
	}
	id := m.open.ID
	ctx, cancel := context.WithCancel(context.Background())
	m.shell.Go(func(window context.Context) {
		defer context.AfterFunc(window, cancel)()
		out, err := m.conversations.Replay(ctx, id, turn, given, nil)
		m.shell.Post(func() {
			t := m.shell.Text
			switch {
			case ctx.Err() != nil:
			case err != nil:
				told("", true)
				m.shell.ShowError(err)
			case out.Identical:
				told(t("chat.replay.same", out.NewTokens, rate(out.NewTokens, out.DecodeSeconds)), true)
			default:
				told(t("chat.replay.other")+"\n"+out.Text+"\n\n"+strings.Join(app.DifferenceLines(out.Comparison, t), "\n"), true)
			}
			cancel()
		})
	})
	told(m.shell.Text("chat.replay.running"), false)
	return cancel
}

package chat

import (
	"context"
	"path/filepath"
	"strings"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/manifest"
	"kakoi/core/receipt"
	"kakoi/resources"
)

// receipts is app.Receipts.
type receipts interface {
	Of(ctx context.Context, conversation, turn, given string) (receipt.Receipt, error)
	Seal(ctx context.Context, of receipt.Receipt) ([]byte, error)
	Check(ctx context.Context, f *receipt.File, key *manifest.PublicKey) (app.ReceiptCheck, error)
	Replay(ctx context.Context, of receipt.Receipt, p core.Progress) (app.ReceiptReplay, error)
}

// verdict is how far a receipt can be relied on.
type verdict int

const (
	verdictBroken  verdict = iota // it was changed
	verdictUnknown                // it is as it was signed, by whomever
	verdictGood
)

// checkedReceipt is a receipt that was opened, as it is shown.
type checkedReceipt struct {
	verdict  verdict
	headline string
	lines    []string // what the check found
	sections []Section
	file     *receipt.File
}

// ReceiptName proposes a name for an answer's receipt.
func (m *Model) ReceiptName() string { return m.ExportName(m.OpenID(), "receipt.json") }

// ExportReceipt writes the signed receipt of an answer.
func (m *Model) ExportReceipt(turn, given, path string) {
	_, g, ok := m.givenOf(turn, given)
	if !ok {
		return
	}
	conversation := m.open.ID
	m.shell.Go(func(ctx context.Context) {
		of, err := m.receipts.Of(ctx, conversation, turn, g.ID)
		var raw []byte
		if err == nil {
			raw, err = m.receipts.Seal(ctx, of)
		}
		if err == nil {
			err = app.WriteReceipt(path, raw)
		}
		m.shell.Post(func() {
			if err != nil {
				m.shell.ShowError(err)
				return
			}
			said := m.shell.Text("chat.exported", filepath.Base(path))
			if line := app.MissingLine(of, m.shell.Text); line != "" {
				said += "\n" + line
			}
			m.shell.Toast(said)
		})
	})
}

// OpenReceipt reads a receipt's file and checks it; show is called on the window's goroutine, unless there was nothing to be shown.
func (m *Model) OpenReceipt(path string, show func(checkedReceipt)) {
	m.shell.Go(func(ctx context.Context) {
		f, err := app.ReadReceipt(path)
		var c app.ReceiptCheck
		broken := err
		if f != nil && broken == nil {
			c, err = m.receipts.Check(ctx, f, nil)
		}
		m.shell.Post(func() {
			switch {
			case ctx.Err() != nil:
			case f == nil || broken == nil && err != nil:
				m.shell.ShowError(err)
			default:
				show(m.checkedReceipt(f, broken, c))
			}
		})
	})
}

func (m *Model) checkedReceipt(f *receipt.File, broken error, c app.ReceiptCheck) checkedReceipt {
	t := m.shell.Text
	out := checkedReceipt{file: f, verdict: verdictUnknown}
	if broken != nil {
		sentence, _ := resources.ErrorText(m.shell.Lang(), broken)
		out.verdict, out.headline = verdictBroken, t("receipt.said.broken", sentence)
	} else {
		lines := c.Lines(t, nil)
		out.headline, out.lines = lines[0], lines[1:]
		if c.Authentic {
			out.verdict = verdictGood
		}
	}
	r := f.Receipt
	answer := []string{r.Answer.Text}
	for i, cite := range r.Answer.Citations {
		answer = append(answer, t("receipt.said.passage", i+1, m.place(cite.Document, cite.Page), oneLine(cite.Text, 160)))
	}
	out.sections = []Section{
		{Title: t("receipt.question"), Text: r.Question},
		{Title: t("chat.details.answer"), Text: strings.Join(answer, "\n")},
	}
	var passages []string
	for i, p := range r.Passages {
		passages = append(passages, t("receipt.said.passage", i+1, m.place(p.Name, p.Page), oneLine(p.Text, 160)), "    "+p.SHA256)
	}
	if len(passages) > 0 {
		out.sections = append(out.sections, Section{Title: t("chat.details.passages"), Text: strings.Join(passages, "\n")})
	}
	out.sections = append(out.sections, Section{Title: t("chat.details.hashes"), Text: strings.Join(app.ReceiptLines(r, f.Key, t), "\n"), Mono: true})
	if r.Request != nil {
		out.sections = append(out.sections, Section{Title: t("chat.details.prompt"), Text: r.Request.Prompt, Mono: true})
	}
	return out
}

// ReplayReceipt generates the answer of a receipt again; told is called on the window's goroutine, the last time with done set. The result stops it.
func (m *Model) ReplayReceipt(f *receipt.File, told func(text string, done bool)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	m.shell.Go(func(window context.Context) {
		defer context.AfterFunc(window, cancel)()
		out, err := m.receipts.Replay(ctx, f.Receipt, nil)
		m.shell.Post(func() {
			switch {
			case ctx.Err() != nil:
			case err != nil:
				told("", true)
				m.shell.ShowError(err)
			default:
				told(strings.Join(out.Lines(m.shell.Text), "\n"), true)
			}
			cancel()
		})
	})
	told(m.shell.Text("chat.replay.running"), false)
	return cancel
}

package app

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"kakoi/app/record"
	"kakoi/core"
)

// ExportFormats are what a conversation can be exported as.
var ExportFormats = []string{"md", "pdf"}

// Export writes the branch of a conversation that is shown, with the sources of its answers: document, page and the text that
// was quoted. lang is the language of the words around it.
func (c *Conversations) Export(ctx context.Context, id string, w io.Writer, format, lang string) error {
	t, err := c.Open(ctx, id)
	if err != nil {
		return err
	}
	corrections, _, err := c.Corrections(ctx)
	if err != nil {
		return err
	}
	s := script{text: func(key string, args ...any) string { return c.Text(lang, key, args...) }, corrections: map[string]record.Correction{}}
	for _, k := range corrections {
		if k.Conversation == id {
			s.corrections[k.Given] = k
		}
	}
	s.transcript(t)
	switch format {
	case "md":
		err = writeMarkdown(w, s.blocks)
	case "pdf":
		err = writePDF(ctx, w, s.blocks, c.Fonts, t.Title, lang)
	default:
		return core.Explain(fmt.Errorf("export as %q: %w", format, core.ErrUsage), "error.chat.format", format)
	}
	if err != nil {
		return fmt.Errorf("export conversation %s: %w", id, err)
	}
	return nil
}

// Kinds of blocks.
type blockKind int

const (
	blockTitle blockKind = iota
	blockMeta            // small, about what follows or stands before
	blockQuestion
	blockAnswer
	blockNote   // by the program, about an answer
	blockSource // "[1] document p. 3"
	blockQuote  // text of a source
)

// block is one paragraph of an exported conversation.
type block struct {
	kind blockKind
	text string
}

// script turns a conversation into blocks.
type script struct {
	text        func(key string, args ...any) string
	corrections map[string]record.Correction // by Given.ID
	blocks      []block
}

func (s *script) add(kind blockKind, text string) { s.blocks = append(s.blocks, block{kind, text}) }

// quote leaves out the empty lines of a document's text.
func (s *script) quote(text string) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	s.add(blockQuote, strings.Join(lines, "\n"))
}

func (s *script) transcript(t Transcript) {
	s.add(blockTitle, t.Title)
	about := []string{t.Created.Local().Format("2006-01-02 15:04")}
	if t.Collection != "" {
		about = append(about, s.text("export.collection", t.Collection))
	}
	s.add(blockMeta, strings.Join(about, " · "))
	for _, step := range t.Path {
		s.add(blockQuestion, step.Question)
		shown, ok := step.Answer()
		if !ok {
			s.add(blockNote, s.text("export.unanswered"))
			continue
		}
		for _, g := range step.Answers {
			if g.ID == shown.ID || shown.Group != "" && g.Group == shown.Group {
				s.given(g)
			}
		}
	}
}

func (s *script) given(g record.Given) {
	text, sources := Marked(g.Answer)
	if text != "" {
		s.add(blockAnswer, text)
	}
	if g.Stopped {
		s.add(blockNote, s.text("export.stopped"))
	}
	if g.Failure != nil {
		s.add(blockNote, s.text("export.failed"))
	}
	for _, sentence := range g.Answer.Unsupported {
		s.add(blockNote, s.text("export.unsupported", sentence))
	}
	if g.Answer.Refused {
		if g.Pending > 0 {
			s.add(blockNote, s.text("export.pending"))
		}
		if len(g.Answer.Passages) > 0 {
			s.add(blockNote, s.text("export.closest"))
		}
		for _, p := range g.Answer.Passages {
			s.add(blockSource, s.text("export.place", p.Name, p.Page))
			s.quote(p.Text)
		}
	}
	for i, k := range sources {
		s.add(blockSource, fmt.Sprintf("[%d] %s", i+1, s.text("export.place", k.Document, k.Page)))
		s.quote(k.Text)
	}
	s.verdict(g)
	s.add(blockMeta, s.text("export.by", g.By(), g.At.Local().Format(time.DateTime)))
}

func (s *script) verdict(g record.Given) {
	switch g.Verdict {
	case record.Right:
		s.add(blockNote, s.text("export.right"))
	case record.Wrong:
		s.add(blockNote, s.text("export.wrong"))
	}
	k, ok := s.corrections[g.ID]
	if !ok {
		return
	}
	switch {
	case k.Kind == record.CorrectAbsent:
		s.add(blockNote, s.text("export.correction", s.text("export.absent")))
	case k.Kind == record.CorrectPlace && k.Place != nil:
		s.add(blockNote, s.text("export.correction", s.text("export.place", k.Place.Name, k.Place.Page)))
		s.quote(k.Place.Text)
	default:
		s.add(blockNote, s.text("export.correction", k.Answer))
	}
}

// Marked is an answer's text with the number of its source behind each sentence that has one, "[1]", and the sources in that
// order, each place once.
func Marked(a core.Answer) (text string, sources []core.Citation) {
	type place struct {
		id         string
		page       int
		start, end int
	}
	numbers := map[place]int{}
	rest := a.Text
	var b strings.Builder
	for _, k := range a.Citations {
		p := place{k.ID, k.Page, k.Start, k.End}
		n, ok := numbers[p]
		if !ok {
			sources = append(sources, k)
			n = len(sources)
			numbers[p] = n
		}
		at := strings.Index(rest, k.Sentence)
		if at < 0 || k.Sentence == "" {
			continue // its source is listed all the same
		}
		end := at + len(k.Sentence)
		fmt.Fprintf(&b, "%s[%d]", strings.TrimRight(rest[:end], " \n"), n)
		rest = rest[end:]
	}
	return b.String() + rest, sources
}

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"kakoi/app"
	"kakoi/core"
)

type pageOptions struct {
	collection string
	marks      []app.Span
	out        string
	dpi        int
	outline    bool
}

func pageFlags(fs *flag.FlagSet, c *call) {
	o := &pageOptions{}
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	fs.Func("mark", "cli.flag.page_mark", func(s string) error {
		span, err := parseSpan(s)
		o.marks = append(o.marks, span)
		return err
	})
	fs.StringVar(&o.out, "out", "", "cli.flag.page_out")
	fs.IntVar(&o.dpi, "dpi", 110, "cli.flag.page_dpi")
	fs.BoolVar(&o.outline, "outline", false, "cli.flag.page_outline")
	c.options = o
}

func parseSpan(s string) (app.Span, error) {
	first, last, _ := strings.Cut(s, "-")
	start, err := strconv.Atoi(first)
	end, err2 := strconv.Atoi(last)
	if err != nil || err2 != nil || start < 0 || end < start {
		err := fmt.Errorf("span %q: %w", s, core.ErrUsage)
		return app.Span{}, core.Explain(err, "error.usage.value", "--mark", s, "START-END")
	}
	return app.Span{Start: start, End: end}, nil
}

// shownPage is what `kakoi page --json` prints; field names are stable.
type shownPage struct {
	Document string      `json:"document"`
	ID       string      `json:"document_id"`
	Page     int         `json:"page"`
	Pages    int         `json:"pages"`
	Text     string      `json:"text"`
	Note     string      `json:"note,omitempty"`
	Out      string      `json:"out,omitempty"`
	Width    int         `json:"width,omitempty"` // of the picture, in pixels
	Height   int         `json:"height,omitempty"`
	Marks    []shownMark `json:"marks"`
	Passages []shownMark `json:"passages,omitempty"`
}

type shownMark struct {
	app.Span
	Places [][4]int `json:"places,omitempty"` // left, top, right, bottom in pixels of the picture
}

func shownMarks(marks []app.Mark) []shownMark {
	out := []shownMark{}
	for _, m := range marks {
		s := shownMark{Span: m.Span}
		for _, r := range m.Places {
			s.Places = append(s.Places, [4]int{r.Min.X, r.Min.Y, r.Max.X, r.Max.Y})
		}
		out = append(out, s)
	}
	return out
}

func runPage(ctx context.Context, c *call) error {
	if err := c.want(1, 2); err != nil {
		return err
	}
	o := c.options.(*pageOptions)
	if o.dpi < 18 || o.dpi > 600 {
		return core.Explain(fmt.Errorf("dpi %d: %w", o.dpi, core.ErrUsage), "error.usage.value", "--dpi", fmt.Sprint(o.dpi), "18 - 600")
	}
	if o.out != "" && !strings.EqualFold(filepath.Ext(o.out), ".png") { // a document named by mistake is not written over
		return core.Explain(fmt.Errorf("picture in %q: %w", o.out, core.ErrUsage), "error.usage.value", "--out", o.out, "FILE.png")
	}
	number := 1
	if len(c.args) == 2 {
		n, err := strconv.Atoi(c.args[1])
		if err != nil || n < 1 {
			return core.Explain(fmt.Errorf("page %q: %w", c.args[1], core.ErrUsage), "error.usage.value", "N", c.args[1], "1 -")
		}
		number = n
	}
	which := c.args[0]
	if strings.ContainsRune(which, '/') {
		which = c.path(which)
	}
	collection, doc, err := c.host.library.Find(ctx, o.collection, which)
	if err != nil {
		return err
	}
	q := app.PageQuery{Collection: collection.Name, Document: doc.ID, Page: number, Marks: o.marks, Outline: o.outline}
	if c.json || o.out != "" {
		q.DPI = o.dpi
	}
	v, err := c.host.pages.View(ctx, q)
	if err != nil {
		return err
	}
	shown := shownPage{Document: doc.Name, ID: doc.ID, Page: v.Number, Pages: v.Pages, Text: v.Text, Note: v.Note, Marks: shownMarks(v.Marks)}
	if o.outline {
		shown.Passages = shownMarks(v.Chunks)
	}
	if o.out != "" {
		shown.Out = c.path(o.out)
		if err := writePicture(shown.Out, v); err != nil {
			return err
		}
		shown.Width, shown.Height = v.Picture.Rect.Dx(), v.Picture.Rect.Dy()
	}
	switch {
	case c.json:
		return c.emit(shown)
	case o.out != "":
		c.say("cli.page.written", sanitize(doc.Name, false), v.Number, v.Pages, sanitize(shown.Out, false))
		return nil
	}
	c.printPage(v)
	return nil
}

func writePicture(path string, v app.PageView) error {
	drawn := v.Drawn()
	if drawn == nil {
		err := fmt.Errorf("page %d of %q: %s: %w", v.Number, v.Document.Name, v.Note, core.ErrUnsupported)
		return core.Explain(err, "error.page.picture", v.Document.Name)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, drawn); err != nil {
		return fmt.Errorf("encode picture: %w", err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// printPage prints the text, with marked stretches between » and «, and what there is to say about the file.
func (c *call) printPage(v app.PageView) {
	if !c.quiet {
		fmt.Fprintln(c.Err, c.text("cli.page.title", sanitize(v.Document.Name, false), v.Number, v.Pages))
		if v.Note != "" && v.Note != app.NoteKind {
			fmt.Fprintln(c.Err, c.text(v.Note))
		}
		if v.Cause != nil {
			fmt.Fprintln(c.Err, sanitize(v.Cause.Error(), false))
		}
	}
	if len(v.Chunks) == 0 {
		fmt.Fprintln(c.Out, sanitize(marked(v.Text, v.Marks), true))
		return
	}
	runes := []rune(v.Text)
	for _, chunk := range v.Chunks {
		fmt.Fprintf(c.Out, "[%s]\n%s\n", c.text("cli.page.chunk", chunk.Start, chunk.End), sanitize(string(runes[chunk.Start:chunk.End]), true))
	}
}

// marked is text with » and « around the marks.
func marked(text string, marks []app.Mark) string {
	begin, end := map[int]int{}, map[int]int{}
	for _, m := range marks {
		if m.End > m.Start {
			begin[m.Start]++
			end[m.End]++
		}
	}
	var out strings.Builder
	runes := []rune(text)
	for i := range len(runes) + 1 {
		out.WriteString(strings.Repeat("«", end[i]))
		out.WriteString(strings.Repeat("»", begin[i]))
		if i < len(runes) {
			out.WriteRune(runes[i])
		}
	}
	return out.String()
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/ocr"
)

// Text recognition: pages that are pictures, or whose fonts do not tell their letters, are read by Tesseract where a person says so: pages of PDFs, picture
// files, and both inside mails and archives. It is a job like Add: each page's text is kept as soon as it is read, so that a job that was cancelled or killed goes on where
// it was; with the last page of a document its text is stored and embedded as if the file had held it.

// OCRPlan says what to read. It is what an unfinished job remembers.
type OCRPlan struct {
	Collection string   `json:"collection"` // its name
	Documents  []string `json:"documents"`  // Document.ID; none: all that have pages to be read
	Languages  []string `json:"languages"`  // as Tesseract names them; none: Japanese and English, as installed
}

// OCROptions say who hears of it.
type OCROptions struct {
	Listen  func(job.State)                     // nil is allowed
	Explain func(error) (sentence, hint string) // what is remembered of a document that failed; nil is allowed
	Count   func(OCRCount)                      // hears of how far it has come; nil is allowed; must return at once
}

// OCRCount is how far a text recognition has come.
type OCRCount struct {
	Pages, Of int    // read, and in all
	Name      string // of the document
	Page      int    // last begun
}

// OCRSummary is what a text recognition did, also when it was cancelled.
type OCRSummary struct {
	Collection string    `json:"collection"`
	Documents  int       `json:"documents"`  // whose text is in the library now
	Pages      int       `json:"pages"`      // on which text was found
	Nothing    int       `json:"nothing"`    // on which none was found
	Confidence int       `json:"confidence"` // of the program, 0 to 100, the mean over the pages with text
	Languages  []string  `json:"languages"`
	Failed     []Failure `json:"failed"`
	Seconds    float64   `json:"seconds"`
	Cancelled  bool      `json:"cancelled"`
}

const ocrKind = "ocr"

// tesseract remembers which program there is.
type tesseract struct {
	mu     sync.Mutex
	looked time.Time
	reader ocr.Reader
	err    error
}

const (
	lookAgain = 20 * time.Second // a person may be installing it
	stillGood = 5 * time.Minute  // languages may be added
)

// Tesseract finds the text recognition program of this machine: core.ErrNotFound with a hint how to install it. What was found is remembered for
// some minutes, as long as the program is there.
func (l *Library) Tesseract(ctx context.Context) (ocr.Reader, error) {
	t := &l.tesseract
	t.mu.Lock()
	defer t.mu.Unlock()
	age := time.Since(t.looked)
	if t.err == nil && age < stillGood {
		if _, err := os.Stat(t.reader.Path); err == nil {
			return t.reader, nil
		}
	} else if t.err != nil && age < lookAgain {
		return ocr.Reader{}, t.err
	}
	path := l.ProgramPath
	if path == "" {
		path = os.Getenv("PATH")
	}
	reader, err := ocr.Find(ctx, path)
	if ctx.Err() != nil {
		return ocr.Reader{}, ctx.Err()
	}
	t.reader, t.err, t.looked = reader, err, time.Now()
	return reader, err
}

// Unread are the documents of a collection with pages that text recognition could read, by name.
func (l *Library) Unread(ctx context.Context, collection string) ([]core.Document, error) {
	c, err := l.Collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	docs, err := l.List(ctx, c.Name)
	if err != nil {
		return nil, err
	}
	waiting, err := l.Waiting(ctx, c.ID, docs)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(withWaiting(docs, waiting), func(d core.Document) bool { return len(UnreadPages(d)) == 0 }), nil
}

// UnreadPages are the numbers of the pages of a document that text recognition could read.
func UnreadPages(d core.Document) []int {
	return pagesOf(d, core.Finding.Readable)
}

// pagesOf are the numbers of the pages that such findings of a document are about, in order.
func pagesOf(d core.Document, such func(core.Finding) bool) []int {
	var out []int
	for _, f := range d.Findings {
		if such(f) {
			out = slices.AppendSeq(out, f.Each())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// wasRead says that a finding is about pages that text recognition has read, whatever it found.
func wasRead(f core.Finding) bool { return f.What == core.FindingOCR || f.What == core.FindingNoOCR }

// readFromPicture says whether the text of a page was read from its picture.
func readFromPicture(d core.Document, number int) bool {
	return slices.ContainsFunc(d.Findings, func(f core.Finding) bool {
		return f.What == core.FindingOCR && f.About(number)
	})
}

// OCR reads the pages without text of documents of a collection. Nothing is read that was not asked for. Documents that cannot be read are in
// the Summary, and the rest goes on.
//
// Errors: core.ErrNotFound without Tesseract, core.ErrUsage for a language that is not installed, core.ErrEmpty where there is nothing to
// read, and those of Add.
func (l *Library) OCR(ctx context.Context, plan OCRPlan, opt OCROptions) (OCRSummary, error) {
	summary := OCRSummary{Collection: plan.Collection, Failed: []Failure{}}
	reader, err := l.Tesseract(ctx)
	if err != nil {
		return summary, err
	}
	if summary.Languages, err = reader.Choose(plan.Languages); err != nil {
		return summary, err
	}
	c, err := l.Collection(ctx, plan.Collection)
	if err != nil {
		return summary, err
	}
	plan.Collection, summary.Collection = c.Name, c.Name
	docs, err := l.Unread(ctx, c.Name)
	if err != nil {
		return summary, err
	}
	if len(plan.Documents) == 0 {
		for _, d := range docs {
			plan.Documents = append(plan.Documents, d.ID)
		}
	} else {
		docs = slices.DeleteFunc(docs, func(d core.Document) bool { return !slices.Contains(plan.Documents, d.ID) })
	}
	entry, err := l.Log.Begin(ctx, ocrKind, plan)
	if err != nil {
		return summary, fmt.Errorf("text recognition: %w", err)
	}
	if len(docs) == 0 {
		err := core.Explain(fmt.Errorf("text recognition: %w", core.ErrEmpty), "error.ocr.nothing")
		return summary, errors.Join(err, l.Log.Stop(ctx, entry, true))
	}
	r := &recognition{adder: &adder{
		Library: l, plan: AddPlan{Collection: c.Name, Splitter: l.Settings.Get().Splitter}, opt: AddOptions{Explain: opt.Explain}, summary: Summary{Failed: []Failure{}}, collection: c,
	}, reader: reader, hear: opt, docs: docs, done: summary}
	return r.start(ctx, entry, opt.Listen)
}

func (r *recognition) start(ctx context.Context, entry job.Entry, listen func(job.State)) (OCRSummary, error) {
	began := time.Now()
	j := r.Jobs.Start(ctx, job.Name{Key: "job.ocr", Note: r.docs[0].Name}, r.run, listen)
	err := j.Wait(context.Background()) // a cancelled job ends soon, and in order
	if r.release != nil {
		r.release()
	}
	r.done.Failed = append(r.done.Failed, r.summary.Failed...)
	r.done.Seconds = time.Since(began).Seconds()
	r.done.Cancelled = errors.Is(err, context.Canceled)
	if r.done.Pages > 0 {
		r.done.Confidence = r.sure / r.done.Pages
	}
	err = errors.Join(err, r.Log.Stop(ctx, entry, err == nil))
	r.Bus.Tell(TopicDocuments)
	return r.done, err
}

// UnfinishedOCR lists the text recognitions that were begun and did not end well, oldest first.
func (l *Library) UnfinishedOCR(ctx context.Context) ([]job.Entry, []OCRPlan, error) {
	entries, err := l.Log.Entries(ctx)
	if err != nil {
		return nil, nil, err
	}
	var found []job.Entry
	var plans []OCRPlan
	for _, e := range entries {
		var plan OCRPlan
		if e.Kind == ocrKind && json.Unmarshal(e.Plan, &plan) == nil {
			found, plans = append(found, e), append(plans, plan)
		}
	}
	return found, plans, nil
}

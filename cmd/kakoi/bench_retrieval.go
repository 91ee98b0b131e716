package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/rag/recall"
	"kakoi/resources"
)

// retrievalOptions are the flags of bench retrieval.
type retrievalOptions struct {
	collection string
	half       string
	details    bool
	prompts    int
	top        int
	neighbours int
}

func (o *retrievalOptions) register(fs *flag.FlagSet) {
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	fs.StringVar(&o.half, "half", string(recall.All), "cli.flag.bench_half")
	fs.IntVar(&o.prompts, "prompts", 0, "cli.flag.bench_prompts")
	fs.IntVar(&o.top, "top", 0, "cli.flag.top")
	fs.IntVar(&o.neighbours, "neighbours", 0, "cli.flag.neighbours")
	fs.BoolVar(&o.details, "details", false, "cli.flag.bench_details")
}

// benchRetrieval measures how well passages are found for the questions of a file (package recall): those of a collection of the data folder, or, with
// files and folders behind it, of these, added to a library in a temporary folder. Without a file, the sample questions are asked of the samples.
func benchRetrieval(ctx context.Context, c *call, o retrievalOptions) (err error) {
	half := recall.Half(o.half)
	if half != recall.All && half != recall.Tuning && half != recall.Report {
		return core.Explain(fmt.Errorf("bench retrieval --half %q: %w", o.half, core.ErrUsage), "error.usage.value", "--half", o.half, "all, tuning, report")
	}
	if o.prompts < 0 || o.prompts > 1<<20 {
		return core.Explain(fmt.Errorf("bench retrieval --prompts %d: %w", o.prompts, core.ErrUsage), "error.usage.value", "--prompts", fmt.Sprint(o.prompts), "0 - 1048576")
	}
	if err := c.neighbours(o.neighbours); err != nil {
		return err
	}
	if o.top != 0 {
		if err := c.top(o.top); err != nil {
			return err
		}
	}
	raw := resources.RetrievalQuestions
	if len(c.args) > 1 {
		if raw, err = os.ReadFile(c.path(c.args[1])); err != nil {
			return core.Explain(fmt.Errorf("read questions: %w", err), "error.file.missing", c.args[1])
		}
	}
	questions, err := recall.Parse(raw)
	if err != nil {
		return err
	}
	if questions = half.Of(questions); len(questions) == 0 {
		return core.Explain(fmt.Errorf("half %s of too few questions: %w", half, core.ErrUsage), "error.bench.questions", 1)
	}
	own := *c
	if len(c.args) == 2 {
		if own.data, err = c.program.dataDir(c); err != nil {
			return err
		}
	} else {
		tmp, terr := os.MkdirTemp("", "kakoi-bench-*")
		if terr != nil {
			return fmt.Errorf("make folder: %w", terr)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
		own.data = filepath.Join(tmp, "data")
		if err := os.Mkdir(own.data, 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	h, err := c.program.openHost(ctx, &own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := addForBench(ctx, c, h, filepath.Dir(own.data)); err != nil {
		return err
	}
	if o.prompts != 0 {
		return c.benchPrompts(ctx, h, questions, o)
	}
	b := c.newBar()
	done := int64(0)
	found, err := h.library.MeasureRetrieval(ctx, o.collection, questions, func(f app.Found) error {
		done++
		b.progress().Report(core.Update{Stage: "search", Done: done, Total: int64(len(questions)), Note: f.Question.Text})
		if !o.details {
			return nil
		}
		b.clear()
		return c.printFound(f)
	})
	b.clear()
	if err != nil {
		return err
	}
	return c.printFigures(found)
}

// benchPrompts measures how often what answers a question is in a prompt of so many tokens.
func (c *call) benchPrompts(ctx context.Context, h *host, questions []recall.Question, o retrievalOptions) error {
	b := c.newBar()
	defer b.clear()
	f, err := h.chat.MeasurePrompts(ctx, o.collection, questions, app.PromptPlan{Tokens: o.prompts, Passages: o.top, Neighbours: o.neighbours}, b.progress())
	if err != nil {
		return err
	}
	b.clear()
	if c.json {
		return c.emit(struct {
			Kind string `json:"kind"`
			app.PromptFigures
		}{"prompts", f})
	}
	fmt.Fprintf(c.Out, "%9s  %8s  %10s  %8s  %6s  %7s\n", "questions", "passages", "neighbours", "at most", "tokens", "holding")
	_, err = fmt.Fprintf(c.Out, "%9d  %8d  %10d  %8d  %6.0f  %6.1f%%\n", f.Questions, f.Passages, f.Neighbours, f.Tokens, f.MeanTokens, 100*f.Holding)
	return err
}

// addForBench adds what the command names, or the samples, to a library that was made for it.
func addForBench(ctx context.Context, c *call, h *host, tmp string) error {
	var paths []string
	switch len(c.args) {
	case 1:
		paths = []string{filepath.Join(tmp, "samples")}
		if err := samples(paths[0]); err != nil {
			return fmt.Errorf("write samples: %w", err)
		}
	case 2:
		return nil
	default:
		for _, p := range c.args[2:] {
			paths = append(paths, c.path(p))
		}
	}
	b := c.newBar()
	defer b.clear()
	_, err := h.library.Add(ctx, app.AddPlan{Paths: paths}, app.AddOptions{
		Explain: func(err error) (sentence, hint string) { return resources.ErrorText(c.lang, err) }, Listen: b.show,
	})
	return err
}

// printFound prints where a question's passage stands in each way of searching.
func (c *call) printFound(f app.Found) error {
	if c.json {
		ranks := map[string]int{}
		for i, r := range f.Ranks {
			ranks[app.Ways[i]] = r
		}
		return c.emit(map[string]any{"kind": "question", "question": f.Question.Text, "document": f.Question.Document, "text": f.Question.Needed, "ranks": ranks})
	}
	for _, r := range f.Ranks {
		fmt.Fprintf(c.Out, "%4s", place(r))
	}
	_, err := fmt.Fprintf(c.Out, "  %s\n", sanitize(f.Question.Text, false))
	return err
}

// place writes a rank: "-" for what was not found.
func place(rank int) string {
	if rank == 0 {
		return "-"
	}
	return fmt.Sprint(rank)
}

// printFigures prints a line for each way of searching.
func (c *call) printFigures(m app.Measured) error {
	if !c.json {
		fmt.Fprintf(c.Out, "%s  %9s  %8s  %8s  %9s  %6s  %7s\n", pad("", 10), "questions", "recall@1", "recall@5", "recall@10", "MRR", "nDCG@10")
	}
	for i, f := range m.Figures {
		if c.json {
			err := c.emit(struct {
				Kind string `json:"kind"`
				Way  string `json:"search"`
				recall.Figures
				Seconds   float64 `json:"median_seconds"`
				Reranking float64 `json:"median_rerank_seconds"`
			}{"retrieval", app.Ways[i], f, m.Seconds, m.Reranking})
			if err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(c.Out, "%s  %9d  %7.1f%%  %7.1f%%  %8.1f%%  %.3f   %.3f\n", pad(app.Ways[i], 10), f.Questions, 100*f.Recall1, 100*f.Recall5, 100*f.Recall10, f.MRR, f.NDCG)
	}
	if !c.json {
		c.say("cli.bench.search_time", 1000*m.Seconds)
		if len(m.Figures) == len(app.Ways) {
			c.say("cli.bench.rerank_time", 1000*m.Reranking)
		}
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"kakoi/app"
	"kakoi/core"
	"kakoi/resources"
)

// benchAsk asks the sample questions: cold, each in a process of its own as a person would, and warm, with the models
// loaded.
func benchAsk(ctx context.Context, c *call, o *benchOptions) (err error) {
	questions, err := resources.Questions()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "kakoi-bench-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	docs, data := filepath.Join(tmp, "samples"), filepath.Join(tmp, "data")
	if err := samples(docs); err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	b := c.newBar()
	defer b.clear()
	b.progress().Report(core.Update{Stage: "read"})
	if _, _, err := c.again(ctx, data, "add", docs); err != nil {
		return err
	}
	rounds := o.rounds
	if rounds == 0 {
		rounds = 3
	}
	var first, whole []float64
	for round := range rounds {
		for i, q := range questions {
			b.progress().Report(core.Update{Stage: "generate", Done: int64(round*len(questions) + i), Total: int64(rounds * len(questions)), Note: q.Text})
			f, w, err := c.again(ctx, data, "ask", q.Text)
			if err != nil {
				return err
			}
			first, whole = append(first, f), append(whole, w)
		}
	}
	b.clear()
	cold := map[string]any{
		"kind": "ask", "engine": "cold", "questions": len(questions), "rounds": rounds,
		"first_token_seconds": median(first), "seconds": median(whole), "slowest_first_token_seconds": largest(first), "slowest_seconds": largest(whole),
	}
	if err := c.figures(cold); err != nil {
		return err
	}
	return benchAskWarm(ctx, c, data, questions, rounds)
}

func benchAskWarm(ctx context.Context, c *call, data string, questions []resources.Question, rounds int) (err error) {
	inner := *c
	inner.data = data
	h, err := c.program.openHost(ctx, &inner)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	var first, whole []float64
	right, answerable := 0, 0
	for round := range rounds + 1 { // the first one warms up
		for _, q := range questions {
			a, err := h.chat.Ask(ctx, q.Text, app.AskOptions{}, nil, nil)
			if err != nil {
				return err
			}
			if round == 0 {
				continue
			}
			first, whole = append(first, a.FirstToken), append(whole, a.Seconds)
			if round == 1 && q.Document != "" {
				answerable++
				if !a.Refused && len(a.Citations) > 0 && a.Citations[0].Document == q.Document {
					right++
				}
			}
		}
	}
	return c.figures(map[string]any{
		"kind": "ask", "engine": "warm", "questions": len(questions), "rounds": rounds,
		"first_token_seconds": median(first), "seconds": median(whole), "slowest_first_token_seconds": largest(first), "slowest_seconds": largest(whole),
		"answerable": answerable, "right_document_cited": right,
	})
}

func largest(values []float64) float64 {
	m := values[0]
	for _, v := range values {
		m = max(m, v)
	}
	return m
}

// again runs this program in a new process: seconds from its start to the first byte it prints, and to its end.
func (c *call) again(ctx context.Context, data string, args ...string) (first, whole float64, err error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, 0, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, exe, append([]string{"--data", data, "--lang", c.lang}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, fmt.Errorf("run %s: %w", args[0], err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("run %s: %w", args[0], err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err == nil {
		first = time.Since(start).Seconds()
	}
	_, copyErr := io.Copy(io.Discard, out)
	err = cmd.Wait()
	whole = time.Since(start).Seconds()
	if code := cmd.ProcessState.ExitCode(); ctx.Err() == nil && (code == exitDone || code == exitNotFound) {
		return first, whole, copyErr
	}
	if ctx.Err() != nil {
		return 0, 0, ctx.Err()
	}
	return 0, 0, fmt.Errorf("run %s: %w: %s", args[0], err, said.String())
}

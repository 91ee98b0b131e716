package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"kakoi/core"
	"kakoi/resources"
)

const (
	// heardConversations is the line that the window's probe writes when it has heard of a change (Heard in package ui, which is not
	// imported here: builds without a window have no toolkit).
	heardConversations = "heard conversations"

	askPatience = 3 * time.Minute // for one answer, the load of the models included
	askPause    = 300 * time.Millisecond
)

// benchWindowAsk opens the window at the chat over the sample collection, types n questions with the keyboard of the display, and
// measures the stalls while typing, and from Return to the end of the answer, which streams in.
func benchWindowAsk(ctx context.Context, c *call, self, tmp string, n int, figures map[string]any) (err error) {
	data, docs := filepath.Join(tmp, "asked"), filepath.Join(tmp, "samples")
	if err := makeWindowData(data, "chat"); err != nil {
		return err
	}
	if err := samples(docs); err != nil {
		return fmt.Errorf("write samples: %w", err)
	}
	if said, err := exec.CommandContext(ctx, self, "--data", data, "--quiet", "add", docs).CombinedOutput(); err != nil {
		return fmt.Errorf("add the samples: %w: %s", err, said)
	}
	questions, err := typeable()
	if err != nil {
		return err
	}
	w, err := openBenched(ctx, self, data, filepath.Join(tmp, "probe-ask"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	k, err := openKeyboard(w.cmd.Process.Pid)
	if err != nil {
		return core.Explain(fmt.Errorf("type into the window: %w", err), "error.bench.window")
	}
	defer k.close()
	var typing, streaming stalls
	var seconds []float64
	for i := range n {
		pause(ctx, askPause)
		from, err := w.written()
		if err != nil {
			return err
		}
		if err := k.write(ctx, questions[i%len(questions)]); err != nil {
			return err
		}
		s, err := w.stallsSince(from)
		if err != nil {
			return err
		}
		typing.add(s)
		if from, err = w.written(); err != nil {
			return err
		}
		start := time.Now()
		if err := k.write(ctx, "\n"); err != nil {
			return err
		}
		if err := w.answered(ctx, from); err != nil {
			return err
		}
		seconds = append(seconds, time.Since(start).Seconds())
		pause(ctx, askPause) // the last of it is drawn
		if s, err = w.stallsSince(from); err != nil {
			return err
		}
		streaming.add(s)
	}
	figures["questions"], figures["answer_seconds"] = n, median(seconds)
	typing.tell("typing", figures)
	streaming.tell("streaming", figures)
	return nil
}

// answered waits until the window has heard that the question was stored, and then its answer.
func (w *benchedWindow) answered(ctx context.Context, from int) error {
	for end := time.Now().Add(askPatience); time.Now().Before(end); {
		lines, err := w.linesSince(from)
		if err != nil {
			return err
		}
		heard := 0
		for _, line := range lines {
			if line == heardConversations {
				heard++
			}
		}
		if heard >= 2 {
			return nil
		}
		if !pause(ctx, 20*time.Millisecond) {
			return ctx.Err()
		}
	}
	return core.Explain(fmt.Errorf("no answer within %v: %w", askPatience, core.ErrUnsupported), "error.bench.window")
}

// typeable are the sample questions that every keyboard has the letters for.
func typeable() ([]string, error) {
	all, err := resources.Questions()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, q := range all {
		if !strings.ContainsFunc(q.Text, func(r rune) bool { return r > '~' }) {
			out = append(out, q.Text)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("sample questions: %w", core.ErrEmpty)
	}
	return out, nil
}

// pause waits; it is false when ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"kakoi/app/job"
	"kakoi/core"
)

// Speed is how fast a model was on this machine when it was last measured.
type Speed struct {
	When    time.Time `json:"when"`
	Device  string    `json:"device"`
	DType   string    `json:"dtype,omitempty"`
	Prefill float64   `json:"prefill,omitempty"` // tokens of the question and the passages read a second
	Decode  float64   `json:"decode,omitempty"`  // tokens of the answer written a second
	Embeds  float64   `json:"embeds,omitempty"`  // passages a second
}

const (
	speedKind   = "speed"
	speedTexts  = 64  // passages embedded
	speedPrompt = 512 // tokens read, about
	speedNew    = 96  // tokens written, at least
	speedRounds = 8   // at most: a model may end an answer early
)

// Measure runs a model, loaded as it is for answers, for a few seconds and remembers how fast it was. It is a job.
func (m *Models) Measure(ctx context.Context, name string, listen func(job.State)) (Speed, error) {
	model, err := m.Find(ctx, name)
	if err != nil {
		return Speed{}, err
	}
	if model.Kind == KindReranker || model.Kind == KindEvidence {
		return Speed{}, core.Explain(fmt.Errorf("measure model %q: %w", name, core.ErrUnsupported), "error.reranker.speed", name)
	}
	var s Speed
	j := m.Jobs.Start(ctx, job.Name{Key: "job.speed", Note: name}, func(ctx context.Context, p core.Progress) (err error) {
		defer m.Engine.Hold(model.Dir)()
		if model.Kind == KindEmbedder {
			s, err = m.embedSpeed(ctx, model, sampleTexts(speedTexts), p)
		} else {
			s, err = m.chatSpeed(ctx, model, p)
		}
		return err
	}, listen)
	err = j.Wait(context.Background())
	if !model.InUse {
		m.releaseOthers()
	}
	if err != nil {
		return Speed{}, fmt.Errorf("measure model %q: %w", name, err)
	}
	value, err := json.Marshal(s)
	if err != nil {
		return s, fmt.Errorf("encode speed of %q: %w", name, err)
	}
	if err := m.Store.PutRecord(ctx, speedKind, name, value); err != nil {
		return s, fmt.Errorf("remember speed of %q: %w", name, err)
	}
	m.Bus.Tell(TopicModels)
	return s, nil
}

// Speed is the last Measure of a model; ok is false when there is none.
func (m *Models) Speed(ctx context.Context, name string) (s Speed, ok bool, err error) {
	raw, err := m.Store.Record(ctx, speedKind, name)
	if errors.Is(err, core.ErrNotFound) {
		return Speed{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return Speed{}, false, fmt.Errorf("look up speed of %q: %w", name, err)
	}
	return s, true, nil
}

func (m *Models) chatSpeed(ctx context.Context, model Model, p core.Progress) (Speed, error) {
	g, err := m.Engine.Generator(ctx, model.Dir, m.options(), p)
	if err != nil {
		return Speed{}, err
	}
	info := g.Info()
	prompt, err := promptOf(ctx, g, min(speedPrompt, info.MaxTokens/2))
	if err != nil {
		return Speed{}, err
	}
	s := Speed{When: time.Now().UTC(), Device: info.Device, DType: info.DType}
	written, seconds := 0, 0.0
	for round := range speedRounds + 1 {
		p.Report(core.Update{Stage: "speed", Done: int64(written), Total: speedNew})
		// The first round warms up; every round asks something else.
		reply, err := g.Generate(ctx, []core.GenerateRequest{{
			Prompt: fmt.Sprintf("%d. %s", round, prompt), Sampling: core.Sampling{Temperature: 1, Seed: uint64(round + 1), MaxNewTokens: speedNew},
			Plain: true, // what the machine does; what can be kept or guessed comes on top
		}}, func(int, core.Delta) error { return nil })
		if err != nil {
			return Speed{}, err
		}
		r := reply[0]
		if round == 0 {
			continue
		}
		if r.PrefillSeconds > 0 {
			s.Prefill = max(s.Prefill, float64(r.PromptTokens)/r.PrefillSeconds)
		}
		// The first token comes of reading the prompt.
		written, seconds = written+max(0, r.NewTokens-1), seconds+r.DecodeSeconds
		if written >= speedNew {
			break
		}
	}
	if written > 0 && seconds > 0 {
		s.Decode = float64(written) / seconds
	}
	return s, nil
}

// promptOf makes a text of about n tokens.
func promptOf(ctx context.Context, g core.Generator, n int) (string, error) {
	text := strings.Join(sampleTexts(8), "\n")
	counts, err := g.CountTokens(ctx, []string{text})
	if err != nil {
		return "", err
	}
	characters := []rune(strings.Repeat(text+"\n", 1+n/max(1, counts[0])))
	return string(characters[:min(len(characters), n*len([]rune(text))/max(1, counts[0]))]), nil
}

func (m *Models) embedSpeed(ctx context.Context, model Model, texts []string, p core.Progress) (Speed, error) {
	e, err := m.Engine.Embedder(ctx, model.Dir, m.options(), p)
	if err != nil {
		return Speed{}, err
	}
	p.Report(core.Update{Stage: "speed", Total: int64(len(texts))})
	if _, err := e.Embed(ctx, core.EmbedPassage, texts[:min(len(texts), 8)]); err != nil { // warms up
		return Speed{}, err
	}
	start := time.Now()
	if _, err := e.Embed(ctx, core.EmbedPassage, texts); err != nil {
		return Speed{}, err
	}
	s := Speed{When: time.Now().UTC(), Device: e.Info().Device}
	if spent := time.Since(start).Seconds(); spent > 0 {
		s.Embeds = float64(len(texts)) / spent
	}
	return s, nil
}

// sampleTexts are n different passages of the usual length, Japanese and English by turns.
func sampleTexts(n int) []string {
	sentences := [2][]string{
		{"申請は月末までに所属長の承認を得て、総務課の窓口に提出してください。", "機械の点検は毎週月曜日の午前中に行い、結果を記録簿に残します。", "会議室の利用は前日までに予約が必要で、取り消しは当日の朝まで受け付けます。", "出張の宿泊費は一泊あたりの上限額まで、領収書と引き換えに支払われます。"},
		{"Requests are handed in at the office by the end of the month, signed by the head of the section.", "The machine is inspected every Monday morning, and the result is written in the log.", "A meeting room is booked the day before; it can be given back until the morning itself.", "Hotel costs are paid up to the limit for each night against the receipt."},
	}
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for k := range 6 {
			fmt.Fprintf(&b, "%d: %s ", i*7+k, sentences[i%2][(i/2+k)%4])
		}
		texts[i] = b.String()
	}
	return texts
}

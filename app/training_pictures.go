package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"kakoi/app/plot"
	"kakoi/app/record"
	"kakoi/core/vault"
)

// Size of the saved picture, in pixels.
const (
	pictureWidth, pictureHeight = 1280, 720
	pictureText                 = 18
)

// Pictures draws a run's curves into its folder, in a language: loss.png and loss.svg, each over its earlier one. Run does it at the end of
// each sitting. The figures themselves lie beside them in the trainer's losses.csv.
func (t *Training) Pictures(ctx context.Context, id, lang string) error {
	r, err := t.Find(ctx, id)
	if err != nil {
		return err
	}
	points, err := t.Losses(ctx, id)
	if err != nil {
		return err
	}
	if len(points) == 0 {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(t.Fonts, "NotoSansJP-Regular.ttf"))
	if err != nil {
		raw, lang = nil, "en" // the font that is left has Latin letters only
	}
	font, err := plot.NewFont(raw)
	if err != nil {
		return fmt.Errorf("pictures of run %s: %w", id, err)
	}
	curves, look := t.Curves(r, points, lang), plot.Light(font, pictureText)
	var errs []error
	for name, write := range map[string]func(io.Writer) error{
		"loss.png": func(w io.Writer) error { return curves.PNG(w, pictureWidth, pictureHeight, look) },
		"loss.svg": func(w io.Writer) error { return curves.SVG(w, pictureWidth, pictureHeight, look) },
	} {
		errs = append(errs, writeWhole(t.Key, filepath.Join(t.Folder(r.ID), name), write))
	}
	return errors.Join(errs...)
}

// Curves are a run's losses as they are drawn, with words in a language.
func (t *Training) Curves(r record.Run, points []record.LossPoint, lang string) plot.Loss {
	l := plot.Loss{Best: -1, Steps: float64(r.Steps)}
	for _, p := range points {
		if p.Loss != 0 {
			l.Train = append(l.Train, plot.Point{Step: float64(p.Step), Loss: p.Loss})
		}
		if p.HeldLoss != 0 {
			if p.Best {
				l.Best = len(l.Held)
			}
			l.Held = append(l.Held, plot.Point{Step: float64(p.Step), Loss: p.HeldLoss})
		}
	}
	if t.Text != nil {
		word := func(key string) string { return t.Text(lang, "train.chart."+key) }
		l.Words = plot.Words{Train: word("train"), Held: word("held"), Best: word("best"), Step: word("step"), Loss: word("loss"), None: word("none")}
	}
	return l
}

// writeWhole writes a file so that a reader sees the old or the new one, never a part.
func writeWhole(key *vault.Key, path string, write func(io.Writer) error) error {
	f, err := key.Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	if err = write(f); err == nil {
		err = f.Commit()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

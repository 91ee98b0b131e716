// Command random writes a model folder of random weights, the same for the same seed: for trying Kakoi with a model
// of a size that nobody has at hand. What such a model answers is noise.
//
//	random DIR [--shape rinna-4b|rinna-small|bert-small|xlm-roberta-small] [--layers N] [--layout single|sharded|bin|bin-sharded] [--seed S] [--dtype f16|bf16|f32] [--4bit]
//
// A GPT-NeoX folder gets the sentencepiece model given by --spiece, filled up to the shape's vocabulary; a BERT folder
// a vocab.txt of characters, an XLM-RoBERTa folder no tokenizer. --4bit writes the 4-bit form too, in DIR/nf4.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"kakoi/core"
	"kakoi/core/weights"
)

// small is as wide as the name's model, with few layers.
func small(s weights.Shape, layers int) weights.Shape {
	s.Layers = layers
	return s
}

var bertSmall = weights.Shape{
	Model: "bert", Layers: 6, Hidden: 384, Heads: 12, FFN: 1536, Vocab: 30522, MaxTokens: 512, DType: weights.F32,
}

var shapes = map[string]weights.Shape{
	"rinna-4b": weights.Rinna4B, "rinna-small": small(weights.Rinna4B, 2), "bert-small": bertSmall,
	"xlm-roberta-small": {Model: "xlm-roberta", Layers: 6, Hidden: 384, Heads: 12, FFN: 1536, Vocab: 250037, MaxTokens: 514, DType: weights.F16},
}

var layouts = map[string]weights.Layout{
	"single": weights.Single, "sharded": weights.Sharded, "bin": weights.TorchBin, "bin-sharded": weights.TorchShard,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "random:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("random DIR", flag.ContinueOnError)
	shape := fs.String("shape", "rinna-4b", "rinna-4b, rinna-small, bert-small or xlm-roberta-small")
	layers := fs.Int("layers", 0, "number of layers (default: the shape's)")
	layout := fs.String("layout", "sharded", "single, sharded, bin or bin-sharded")
	dtype := fs.String("dtype", "", "f16, bf16 or f32 (default: the shape's)")
	four := fs.Bool("4bit", false, "the 4-bit form too, in DIR/nf4")
	seed := fs.Uint64("seed", 1, "of the random numbers")
	pieces := fs.String("spiece", "resources/starter/spiece.model", "sentencepiece model for a GPT-NeoX folder")
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		fs.Usage()
		return fmt.Errorf("no folder: %w", core.ErrUsage)
	}
	dir := args[0]
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	s, ok := shapes[*shape]
	if !ok {
		return fmt.Errorf("shape %q: %w", *shape, core.ErrUsage)
	}
	if *layers > 0 {
		s.Layers = *layers
	}
	if *dtype != "" {
		if s.DType, ok = weights.ParseDType(strings.ToUpper(*dtype)); !ok {
			return fmt.Errorf("dtype %q: %w", *dtype, core.ErrUsage)
		}
	}
	how, ok := layouts[*layout]
	if !ok {
		return fmt.Errorf("layout %q: %w", *layout, core.ErrUsage)
	}
	g := weights.GenerateParams{Shape: s, Layout: how, Seed: *seed, Files: map[string][]byte{}}
	switch s.Model {
	case "gpt_neox":
		b, err := os.ReadFile(*pieces)
		if err != nil {
			return fmt.Errorf("read sentencepiece model: %w", err)
		}
		g.Files["spiece.model"] = b
	case "bert":
		g.Files["vocab.txt"] = vocabulary(s.Vocab)
	}
	n, err := s.Parameters()
	if err != nil {
		return err
	}
	last := int64(-1)
	err = weights.Generate(ctx, dir, g, func(u core.Update) {
		if percent := u.Done * 100 / max(u.Total, 1); percent != last {
			last = percent
			fmt.Fprintf(os.Stderr, "\r%3d %%", percent)
		}
	})
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s, %d layers, %d parameters\n", dir, s.Model, s.Layers, n)
	if *four {
		return weights.Quantize(ctx, dir, filepath.Join(dir, weights.Cache4Bit), nil)
	}
	return nil
}

// vocabulary is a BERT vocab.txt of n tokens: the special ones, then printable characters, each alone and inside a word.
func vocabulary(n int) []byte {
	tokens := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	for _, span := range [][2]rune{{'!', '~'}, {'ぁ', 'ヶ'}, {'一', '鿿'}} {
		for r := span[0]; r <= span[1] && len(tokens)+2 <= n; r++ {
			tokens = append(tokens, string(r), "##"+string(r))
		}
	}
	for i := len(tokens); i < n; i++ {
		tokens = append(tokens, fmt.Sprintf("[unused%d]", i))
	}
	return []byte(strings.Join(tokens, "\n") + "\n")
}

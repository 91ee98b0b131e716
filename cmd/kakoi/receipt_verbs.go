package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/manifest"
	"kakoi/core/receipt"
	"kakoi/resources"
)

// receiptArgs as help shows them.
const receiptArgs = "export CONVERSATION[/N] FILE | show FILE | verify FILE [--key PUB] | replay FILE | key"

type receiptOptions struct {
	key   string
	split string
	yes   bool
}

func receiptFlags(fs *flag.FlagSet, c *call) {
	o := &receiptOptions{}
	fs.StringVar(&o.key, "key", "", "cli.flag.receipt_key")
	fs.StringVar(&o.split, "split", "", "cli.flag.receipt_split")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

func receiptVerbs() map[string]verb[*receiptOptions] {
	return map[string]verb[*receiptOptions]{
		"export": {2, 2, receiptExport},
		"show":   {1, 1, receiptShow},
		"verify": {1, 1, receiptVerify},
		"replay": {1, 1, receiptReplay},
		"key":    {0, 0, receiptKey},
	}
}

func runReceipt(ctx context.Context, c *call) error {
	if err := c.want(1, -1); err != nil {
		return err
	}
	verb, err := verbOf(c, receiptVerbs())
	if err != nil {
		return err
	}
	return verb.run(ctx, c, c.options.(*receiptOptions), c.args[1:])
}

// show cleans what comes from a file for the terminal.
func shownName(s string) string { return sanitize(s, false) }

// receiptExport writes the receipt of the answer that is shown of a question: the last one, or that of /N.
func receiptExport(ctx context.Context, c *call, o *receiptOptions, args []string) error {
	which := strings.SplitN(args[0], "/", 2)
	step, g, err := c.given(ctx, which)
	if err != nil {
		return err
	}
	path := c.path(args[1])
	if err := c.replacing(ctx, o.yes, path); err != nil {
		return err
	}
	of, err := c.host.receipts.Of(ctx, step.Conversation, step.ID, g.ID)
	if err != nil {
		return err
	}
	return c.writeReceipt(ctx, of, path)
}

// replacing asks before a file is replaced.
func (c *call) replacing(ctx context.Context, yes bool, path string) error {
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	return c.confirm(ctx, yes, "cli.chat.overwrite", sanitize(path, false))
}

func (c *call) writeReceipt(ctx context.Context, of receipt.Receipt, path string) error {
	raw, err := c.host.receipts.Seal(ctx, of)
	if err == nil {
		err = app.WriteReceipt(path, raw)
	}
	if err != nil {
		return err
	}
	key, err := c.host.receipts.Key(ctx)
	if err != nil {
		return err
	}
	if c.json {
		if c.command.name == "ask" {
			return nil // the answer is what is printed
		}
		return c.emit(map[string]any{"file": path, "answer_id": of.ID, "key": manifest.KeyID(key), "missing": of.Missing})
	}
	if c.quiet {
		return nil
	}
	fmt.Fprintln(c.Out, c.text("cli.receipt.exported", sanitize(path, false), manifest.KeyID(key)))
	if line := app.MissingLine(of, c.text); line != "" {
		fmt.Fprintln(c.Out, line)
	}
	return nil
}

// receiptShow prints what a receipt holds, also of one that is not to be relied on: that is said first.
func receiptShow(ctx context.Context, c *call, o *receiptOptions, args []string) error {
	f, err := app.ReadReceipt(c.path(args[0]))
	if f == nil {
		return err
	}
	if o.split != "" && err == nil {
		if err := c.splitReceipt(ctx, f, o); err != nil {
			return err
		}
	}
	if c.json {
		sentence := ""
		if err != nil {
			sentence, _ = resources.ErrorText(c.lang, err)
		}
		out := struct {
			Intact      bool            `json:"intact"`
			Problem     string          `json:"problem,omitempty"`
			Key         string          `json:"key"`
			Fingerprint string          `json:"fingerprint"`
			Receipt     receipt.Receipt `json:"receipt"`
		}{err == nil, sentence, f.Key.String(), receipt.Fingerprint(f.Key), f.Receipt}
		return errors.Join(c.emit(out), failedIf(err))
	}
	if err != nil {
		sentence, _ := resources.ErrorText(c.lang, err)
		fmt.Fprintf(c.Out, "%s\n\n", c.text("receipt.said.broken", sanitize(sentence, false)))
	}
	r := f.Receipt
	fmt.Fprintf(c.Out, "%s\n\n%s\n\n", sanitize(r.Question, true), sanitize(r.Answer.Text, true))
	for i, cite := range r.Answer.Citations {
		fmt.Fprintln(c.Out, c.show(fmt.Sprintf("[%d] %s: ", i+1, c.place(cite.Document, cite.Page)), cite.Text, cite.Sentence+" "+r.Question))
	}
	for _, sentence := range r.Answer.Unsupported {
		fmt.Fprintln(c.Out, c.text("cli.ask.unsupported", sanitize(sentence, false)))
	}
	fmt.Fprintln(c.Out)
	for i, p := range r.Passages {
		fmt.Fprintf(c.Out, "[%d] %s  %s\n    %s  %s\n", i+1, c.place(p.Name, p.Page), c.text("cli.search.scores", p.Score, p.Dense, p.Lexical), sanitize(p.SHA256, false),
			sanitize(p.DocumentSHA256, false))
	}
	for _, line := range app.ReceiptLines(r, f.Key, c.text) {
		fmt.Fprintln(c.Out, sanitize(line, false))
	}
	if q := r.Request; q != nil {
		reply := ""
		if r.Reply != nil {
			reply = r.Reply.SHA256
		}
		fmt.Fprintln(c.Out, c.text("cli.receipt.hashes", sanitize(q.PromptSHA256, false), sanitize(reply, false)))
		fmt.Fprintln(c.Out, c.text("cli.receipt.prompt", sanitize(q.Template, false)))
		fmt.Fprintln(c.Out, sanitize(q.Prompt, true))
	}
	return failedIf(err)
}

// failedIf is the result of a command that has said err already.
func failedIf(err error) error {
	if err != nil {
		return errFailed
	}
	return nil
}

// splitReceipt writes what minisign checks.
func (c *call) splitReceipt(ctx context.Context, f *receipt.File, o *receiptOptions) error {
	base := c.path(o.split)
	content, signature, key := f.Split()
	for _, part := range []struct {
		path string
		raw  []byte
	}{{base + ".json", content}, {base + ".json.minisig", signature}, {base + ".pub", key}} {
		if err := c.replacing(ctx, o.yes, part.path); err != nil {
			return err
		}
		if err := app.WriteReceipt(part.path, part.raw); err != nil {
			return err
		}
	}
	c.say("cli.receipt.split", sanitize(base, false)+".*", sanitize(filepath.Base(base), false)+".json", sanitize(filepath.Base(base), false)+".pub")
	return nil
}

// receiptVerify: exit code 0 where the receipt is authentic and all it names is here and the same, 3 where not all of that is here any more, 1 where the
// receipt is not to be relied on.
func receiptVerify(ctx context.Context, c *call, o *receiptOptions, args []string) error {
	f, err := app.ReadReceipt(c.path(args[0]))
	if err != nil {
		return err
	}
	key, err := c.signerKey(o.key)
	if err != nil {
		return err
	}
	checked, err := c.host.receipts.Check(ctx, f, key)
	if err != nil {
		return err
	}
	if c.json {
		out := struct {
			Intact bool `json:"intact"`
			app.ReceiptCheck
			Missing []receipt.Missing `json:"missing"`
		}{true, checked, f.Receipt.Missing}
		if err := c.emit(out); err != nil {
			return err
		}
	} else {
		for _, line := range checked.Lines(c.text, shownName) {
			c.tell(line)
		}
		if line := app.MissingLine(f.Receipt, c.text); line != "" {
			c.tell(line)
		}
	}
	switch {
	case !checked.Authentic:
		return errFailed
	case !checked.Here:
		return errUnanswered
	}
	return nil
}

// tell prints a line that is in the reader's language already, unless --quiet.
func (c *call) tell(line string) {
	if !c.quiet {
		fmt.Fprintln(c.Out, line)
	}
}

// signerKey reads what --key gives: a file or the line in it; nil without one.
func (c *call) signerKey(given string) (*manifest.PublicKey, error) {
	if given == "" {
		return nil, nil
	}
	text := []byte(given)
	if raw, err := os.ReadFile(c.path(given)); err == nil {
		text = raw
	}
	key, err := manifest.ParsePublicKey(text)
	if err != nil {
		return nil, core.Explain(fmt.Errorf("--key: %w: %w", core.ErrUsage, err), "error.receipt.pub", given)
	}
	return &key, nil
}

// receiptReplay: exit code 0 where the same came again, 1 where not.
func receiptReplay(ctx context.Context, c *call, o *receiptOptions, args []string) error {
	f, err := app.ReadReceipt(c.path(args[0]))
	if err != nil {
		return err
	}
	b := c.newBar()
	r, err := c.host.receipts.Replay(ctx, f.Receipt, b.progress())
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		err = c.emit(r)
	} else {
		fmt.Fprintln(c.Out, sanitize(strings.TrimSpace(r.Text), true))
		for _, line := range r.Lines(c.text) {
			c.tell(sanitize(line, false))
		}
	}
	if err == nil && !r.Identical {
		err = errFailed
	}
	return err
}

func receiptKey(ctx context.Context, c *call, _ *receiptOptions, _ []string) error {
	key, err := c.host.receipts.Key(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"key": key.String(), "id": manifest.KeyID(key), "fingerprint": receipt.Fingerprint(key)})
	}
	fmt.Fprintln(c.Out, c.text("cli.receipt.key", key.String()))
	fmt.Fprintln(c.Out, c.text("cli.receipt.fingerprint", receipt.Fingerprint(key)))
	c.say("cli.receipt.key.note")
	return nil
}

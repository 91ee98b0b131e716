package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kakoi/core"
	"kakoi/core/rag"
)

// PromptLanguages are those that questions are told apart by; each has a template.
var PromptLanguages = []string{"ja", "en"}

// Prompts are the prompt templates: the shipped ones, and a person's edited copies, which go before them.
type Prompts struct {
	Dir     string // of the copies
	Shipped fs.FS
}

// Layers are the folders for Chat.Prompts.
func (p Prompts) Layers() []fs.FS { return []fs.FS{os.DirFS(p.Dir), p.Shipped} }

// Text is the template of a language, and whether it is a person's own.
func (p Prompts) Text(lang string) (text string, own bool, err error) {
	if err := knownPrompt(lang); err != nil {
		return "", false, err
	}
	raw, err := os.ReadFile(p.path(lang))
	if err == nil {
		return string(raw), true, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("read prompt %s: %w", lang, err)
	}
	if raw, err = fs.ReadFile(p.Shipped, lang+".tmpl"); err != nil {
		return "", false, fmt.Errorf("read shipped prompt %s: %w", lang, err)
	}
	return string(raw), false, nil
}

// Check says what is wrong with a template, if anything.
func (p Prompts) Check(lang, text string) error {
	_, err := rag.ParseTemplate(lang, []byte(text))
	return err
}

// Save keeps a person's own template; one that cannot be used is not kept. What is the shipped one to the letter is no copy.
func (p Prompts) Save(lang, text string) error {
	if err := knownPrompt(lang); err != nil {
		return err
	}
	if err := p.Check(lang, text); err != nil {
		return err
	}
	if shipped, err := fs.ReadFile(p.Shipped, lang+".tmpl"); err == nil && string(shipped) == text {
		return p.Reset(lang)
	}
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return fmt.Errorf("make prompts folder: %w", err)
	}
	fresh := p.path(lang) + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write prompt %s: %w", lang, err)
	}
	if err := os.Rename(fresh, p.path(lang)); err != nil {
		return fmt.Errorf("write prompt %s: %w", lang, err)
	}
	return nil
}

// Reset goes back to the shipped template.
func (p Prompts) Reset(lang string) error {
	if err := knownPrompt(lang); err != nil {
		return err
	}
	if err := os.Remove(p.path(lang)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove prompt %s: %w", lang, err)
	}
	return nil
}

// Preview is what the model would read with this template: the question and the passages that are found for it now.
func (c *Chat) Preview(ctx context.Context, lang, text, collection, question string) (string, error) {
	t, err := rag.ParseTemplate(lang, []byte(text))
	if err != nil {
		return "", err
	}
	how, err := c.how(AskOptions{})
	if err != nil {
		return "", err
	}
	passages, err := c.Library.SearchAround(ctx, collection, question, how.Passages, how.Neighbours)
	if errors.Is(err, core.ErrEmpty) {
		err = nil // an empty library has passages for nothing
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(t.Prompt(passages, question)), nil
}

func (p Prompts) path(lang string) string { return filepath.Join(p.Dir, lang+".tmpl") }

func knownPrompt(lang string) error {
	for _, known := range PromptLanguages {
		if lang == known {
			return nil
		}
	}
	return fmt.Errorf("prompt %q: %w", lang, core.ErrNotFound)
}

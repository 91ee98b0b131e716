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
	"kakoi/core/vault"
)

// PromptLanguages are those that questions are told apart by; each has a template.
var PromptLanguages = []string{"ja", "en"}

// Prompts are the prompt templates: the shipped ones, and a person's edited copies, which go before them.
type Prompts struct {
	Dir     string // of the copies
	Shipped fs.FS
	Key     *vault.Key // of the copies; nil: they are plain
}

// Layers are the folders for Chat.Prompts.
func (p Prompts) Layers() []fs.FS {
	if p.Key == nil {
		return []fs.FS{os.DirFS(p.Dir), p.Shipped}
	}
	return []fs.FS{sealedFS{p.Dir, p.Key}, p.Shipped}
}

// sealedFS are the files of a folder under a key, to be read as a whole.
type sealedFS struct {
	dir string
	key *vault.Key
}

// ReadFile decrypts one file.
func (s sealedFS) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return s.key.ReadFile(filepath.Join(s.dir, filepath.FromSlash(name)))
}

// Open is for whoever does not read whole files: nobody here.
func (s sealedFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.ErrUnsupported}
}

// Text is the template of a language, and whether it is a person's own.
func (p Prompts) Text(lang string) (text string, own bool, err error) {
	if err := knownPrompt(lang); err != nil {
		return "", false, err
	}
	raw, err := p.Key.ReadFile(p.path(lang))
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
	if err := p.Key.WriteFile(p.path(lang), []byte(text)); err != nil {
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

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"kakoi/core"
	"kakoi/core/manifest"
	"kakoi/core/receipt"
)

// Signers of receipts, as they are known here.
const (
	SignerOwn     = "own"     // this installation
	SignerGiven   = "given"   // the key that was given
	SignerUnknown = "unknown" // anybody
)

// States of what a receipt names.
const (
	StateSame    = "same"
	StateMoved   = "moved"   // of a passage: the same text at another place of the document
	StateChanged = "changed" // of a passage: the document is here without it
	StateGone    = "gone"    // of a passage: the document is not in the library
	StateOther   = "other"   // of a model: another of that name
	StateAbsent  = "absent"  // of a model
)

// ReceiptCheck is what became of checking a receipt that is whole.
type ReceiptCheck struct {
	Authentic   bool           `json:"authentic"` // signed by a key that is known: the own one, or the given one
	Signer      string         `json:"signer"`
	Key         string         `json:"key"` // ID
	Fingerprint string         `json:"fingerprint"`
	Passages    []PassageState `json:"passages"`
	Model       *Held          `json:"model,omitempty"`
	Embedder    *Held          `json:"embedder,omitempty"`
	Adapter     *Held          `json:"adapter,omitempty"`
	Here        bool           `json:"here"` // all that the receipt names is here, and the same
}

// PassageState is how a passage of a receipt stands in the library.
type PassageState struct {
	Document string `json:"document"`
	Page     int    `json:"page"`
	State    string `json:"state"`
}

// Held is how a model or an adapter of a receipt stands here.
type Held struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	State string `json:"state"`
}

// Check says whose key signed a receipt (key nil: only the own one is known), and how what it names stands here now. A key that is
// given and is another is an error.
func (r *Receipts) Check(ctx context.Context, f *receipt.File, key *manifest.PublicKey) (ReceiptCheck, error) {
	c := ReceiptCheck{Signer: SignerUnknown, Key: manifest.KeyID(f.Key), Fingerprint: receipt.Fingerprint(f.Key), Passages: []PassageState{}, Here: true}
	own, err := r.Key(ctx)
	switch {
	case key != nil && !key.Equal(f.Key):
		return c, core.Explain(fmt.Errorf("receipt signed by %s, not by %s: %w", c.Key, manifest.KeyID(*key), core.ErrCorrupt), "error.receipt.signer", c.Key)
	case key != nil:
		c.Signer = SignerGiven
	case err != nil: // not knowing the own key must not keep a receipt from being read
	case own.Equal(f.Key):
		c.Signer = SignerOwn
	}
	c.Authentic = c.Signer != SignerUnknown
	of := f.Receipt
	docs, err := r.documents(ctx, of)
	if err != nil {
		return c, err
	}
	for _, p := range of.Passages {
		state, err := r.passage(ctx, docs, p)
		if err != nil {
			return c, err
		}
		c.Passages = append(c.Passages, PassageState{p.Name, p.Page, state})
		c.Here = c.Here && state == StateSame
	}
	add := func(h *Held) *Held {
		c.Here = c.Here && h.State == StateSame
		return h
	}
	if m := of.Model; m != nil {
		c.Model = add(r.model(ctx, *m))
	}
	if m := of.Embedder; m != nil {
		c.Embedder = add(r.embedder(ctx, *m))
	}
	if x := of.Adapter; x != nil {
		c.Adapter = add(r.adapter(ctx, *x))
	}
	return c, ctx.Err()
}

// place is a document in the library.
type placed struct {
	collection string // Collection.ID
	doc        core.Document
}

// documents finds the documents of a receipt's passages, by Document.ID of the receipt: by where the file lies, or by what is in it.
func (r *Receipts) documents(ctx context.Context, of receipt.Receipt) (map[string][]placed, error) {
	store := r.Conversations.Store
	all, err := store.Collections(ctx)
	if err != nil {
		return nil, fmt.Errorf("list collections: %w", err)
	}
	found := map[string][]placed{}
	for _, c := range all {
		docs, err := store.Documents(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("list documents of %q: %w", c.Name, err)
		}
		for _, d := range docs {
			taken := map[string]bool{}
			for _, p := range of.Passages {
				if !taken[p.Document] && (d.ID == p.Document || d.SHA256 != "" && d.SHA256 == p.DocumentSHA256) {
					found[p.Document], taken[p.Document] = append(found[p.Document], placed{c.ID, d}), true
				}
			}
		}
	}
	return found, nil
}

// passage is the best state that a passage has in any of its document's places.
func (r *Receipts) passage(ctx context.Context, docs map[string][]placed, p receipt.Passage) (string, error) {
	state := StateGone
	for _, at := range docs[p.Document] {
		pages, err := r.Conversations.Store.Pages(ctx, at.collection, at.doc.ID)
		if errors.Is(err, core.ErrNotFound) {
			continue
		}
		if err != nil {
			return state, fmt.Errorf("read document %q: %w", at.doc.Name, err)
		}
		now := StateChanged
		for _, page := range pages {
			text := strings.ToValidUTF8(page.Text, "\ufffd")
			if rs := []rune(page.Text); page.Number == p.Page && p.Start >= 0 && p.Start <= p.End && p.End <= len(rs) && strings.ToValidUTF8(string(rs[p.Start:p.End]), "\ufffd") == p.Text {
				return StateSame, nil
			}
			if p.Text != "" && strings.Contains(text, p.Text) {
				now = StateMoved
			}
		}
		if state != StateMoved {
			state = now
		}
	}
	return state, nil
}

// model looks for a model with the receipt's ID by reading its files: first the one of its name, then those that are known to have it.
func (r *Receipts) model(ctx context.Context, m receipt.Model) *Held {
	h := &Held{m.Name, m.ID, StateAbsent}
	name, err := r.modelNamed(ctx, m)
	if err != nil {
		return h
	}
	h.State = StateOther
	if _, id, err := r.models().hashed(ctx, name); err == nil && id == m.ID {
		h.State = StateSame
	}
	return h
}

// modelNamed is the name here of a receipt's model: core.ErrNoModel.
func (r *Receipts) modelNamed(ctx context.Context, m receipt.Model) (string, error) {
	return r.Conversations.Chat.modelNamed(ctx, m)
}

func (c *Chat) modelNamed(ctx context.Context, m receipt.Model) (string, error) {
	known, err := c.Models.KnownGenerator(ctx, m.Name)
	if err == nil && known.ID == m.ID {
		return m.Name, nil
	}
	all, lerr := c.Models.List(ctx)
	if lerr != nil {
		return "", lerr
	}
	for _, x := range all {
		if x.Kind != KindChat {
			continue
		}
		if known, err := c.Models.KnownGenerator(ctx, x.Name); err == nil && known.ID == m.ID || x.ID != "" && x.ID == m.ID {
			return x.Name, nil
		}
	}
	if _, err := c.Models.folder(m.Name); err != nil || m.Name == "" {
		return "", core.Explain(fmt.Errorf("model %q (%s): %w", m.Name, m.ID, core.ErrNoModel), "error.receipt.replay.model", cmp.Or(m.Name, "?"), m.ID)
	}
	return m.Name, nil
}

func (r *Receipts) embedder(ctx context.Context, m receipt.Model) *Held {
	h := &Held{m.Name, m.ID, StateAbsent}
	info, err := r.models().KnownEmbedder(ctx)
	switch {
	case err != nil:
	case info.ID == m.ID:
		h.Name, h.State = info.Name, StateSame
	case m.Name != "" && info.Name == m.Name:
		h.State = StateOther
	}
	return h
}

func (r *Receipts) adapter(ctx context.Context, x receipt.Adapter) *Held {
	h := &Held{x.Name, x.ID, StateAbsent}
	_, sum, err := r.adapters().hashed(ctx, x.ID)
	switch {
	case errors.Is(err, core.ErrNotFound):
	case err != nil || x.SHA256 != "" && x.SHA256 != sum:
		h.State = StateOther
	default:
		h.State = StateSame
	}
	return h
}

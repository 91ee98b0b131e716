package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/lora"
	"kakoi/core/manifest"
	"kakoi/core/receipt"
	"kakoi/core/weights"
)

// Receipts writes, checks and replays the signed files of package core/receipt.
type Receipts struct {
	Conversations *Conversations
}

// receiptKeyKind is the kind of the record of the key that signs receipts. It is a secret of this installation: no capsule carries it.
const (
	receiptKeyKind = "receipt.key"
	receiptKeyID   = "1"
)

// storedKey is that record.
type storedKey struct {
	Secret string    `json:"secret"` // in minisign's form, not encrypted: the library is, where it has a passphrase
	Made   time.Time `json:"made"`
}

// secret is the key of this installation, made when it is first asked for.
func (r *Receipts) secret(ctx context.Context) (manifest.SecretKey, error) {
	r.Conversations.changing.Lock() // one key is made, however many ask for it first
	defer r.Conversations.changing.Unlock()
	store := r.Conversations.Store
	raw, err := store.Record(ctx, receiptKeyKind, receiptKeyID)
	if errors.Is(err, core.ErrNotFound) {
		_, secret, err := manifest.NewKey("")
		if err != nil {
			return manifest.SecretKey{}, fmt.Errorf("key of receipts: %w", err)
		}
		if raw, err = json.Marshal(storedKey{string(secret), time.Now().UTC()}); err != nil {
			return manifest.SecretKey{}, fmt.Errorf("key of receipts: %w", err)
		}
		if err := store.PutRecord(ctx, receiptKeyKind, receiptKeyID, raw); err != nil {
			return manifest.SecretKey{}, fmt.Errorf("keep key of receipts: %w", err)
		}
	} else if err != nil {
		return manifest.SecretKey{}, core.Explain(fmt.Errorf("key of receipts: %w", err), "error.receipt.own")
	}
	var k storedKey
	if err := json.Unmarshal(raw, &k); err != nil {
		return manifest.SecretKey{}, core.Explain(fmt.Errorf("key of receipts: %w: %w", core.ErrCorrupt, err), "error.receipt.own")
	}
	secret, err := manifest.ParseSecretKey([]byte(k.Secret), "")
	if err != nil {
		return secret, core.Explain(fmt.Errorf("key of receipts: %w", err), "error.receipt.own")
	}
	return secret, nil
}

// Key is the public key of this installation, made when it is first asked for.
func (r *Receipts) Key(ctx context.Context) (manifest.PublicKey, error) {
	secret, err := r.secret(ctx)
	if err != nil {
		return manifest.PublicKey{}, err
	}
	return secret.Public().(manifest.PublicKey), nil
}

// Of is the receipt of an answer of a conversation.
func (r *Receipts) Of(ctx context.Context, conversation, turn, given string) (receipt.Receipt, error) {
	c := r.Conversations
	t, err := c.turn(ctx, conversation, turn)
	if err != nil {
		return receipt.Receipt{}, err
	}
	g, _, ok := t.Given(given)
	if !ok {
		return receipt.Receipt{}, core.Explain(fmt.Errorf("answer %s: %w", given, core.ErrNotFound), "error.chat.turn")
	}
	out, err := r.OfAnswer(ctx, t.Collection, g.Answer)
	if err != nil {
		return out, err
	}
	out.Conversation, out.Turn, out.ID, out.Asked, out.Answered, out.Verdict = t.Conversation, t.ID, g.ID, t.Asked.UTC(), g.At.UTC(), string(g.Verdict)
	out.Question = t.Question
	if out.Model == nil && g.Model != "" {
		out.Model = &receipt.Model{Name: g.Model}
	}
	if out.Adapter != nil && out.Adapter.Name == "" {
		out.Adapter.Name = g.AdapterName
	}
	out.Answer.Stopped = g.Stopped
	if g.Failure != nil {
		out.Answer.Failure = g.Failure.Text
	}
	all, _, err := c.Corrections(ctx)
	if err != nil {
		return out, err
	}
	for _, k := range all {
		if k.Conversation == conversation && k.Turn == turn && k.Given == given {
			out.Correction = correctionOf(k)
		}
	}
	return out, nil
}

func correctionOf(k record.Correction) *receipt.Correction {
	c := &receipt.Correction{Kind: string(k.Kind), Answer: k.Answer, At: k.At.UTC()}
	if k.Place != nil {
		c.Name, c.Page, c.Text = k.Place.Name, k.Place.Page, k.Place.Text
	}
	return c
}

// OfAnswer is the receipt of an answer that no conversation holds.
func (r *Receipts) OfAnswer(ctx context.Context, collection string, a core.Answer) (receipt.Receipt, error) {
	out := receipt.Of(a)
	out.Collection = collection
	if found, err := r.Conversations.Chat.Library.Collection(ctx, collection); err == nil {
		out.Collection = found.Name
	}
	models := r.models()
	if m := out.Embedder; m != nil {
		if info, err := models.KnownEmbedder(ctx); err == nil && info.ID == m.ID {
			m.Name = info.Name
		}
	}
	if m := out.Model; m != nil {
		files, id, err := models.hashed(ctx, m.Name)
		switch {
		case ctx.Err() != nil:
			return out, ctx.Err()
		case err != nil || id != m.ID:
			out.Missing = append(out.Missing, receipt.MissingModel)
		default:
			for _, f := range files {
				m.Files = append(m.Files, receipt.ModelFile{Name: f.Name, Bytes: f.Size, SHA256: f.SHA256})
			}
		}
	}
	if x := out.Adapter; x != nil {
		name, sum, err := r.adapters().hashed(ctx, x.ID)
		if x.Name = name; err != nil {
			out.Missing = append(out.Missing, receipt.MissingAdapter)
		} else {
			x.SHA256 = sum
		}
	}
	return out, nil
}

func (r *Receipts) models() *Models     { return r.Conversations.Chat.Models }
func (r *Receipts) adapters() *Adapters { return r.Conversations.Chat.Adapters }

// Seal signs a receipt with the key of this installation.
func (r *Receipts) Seal(ctx context.Context, of receipt.Receipt) ([]byte, error) {
	secret, err := r.secret(ctx)
	if err != nil {
		return nil, err
	}
	return receipt.Seal(of, secret)
}

// WriteReceipt writes a sealed receipt beside the file first, so that a failure leaves no half of one; a file of that name is replaced.
func WriteReceipt(path string, raw []byte) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("write receipt: %w", notRegular(path, info))
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".kakoi-export-*")
	if err != nil {
		return core.Explain(fmt.Errorf("write receipt: %w", err), "error.receipt.file", path)
	}
	defer os.Remove(f.Name()) // a no-op after the rename
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return core.Explain(fmt.Errorf("write receipt: %w", err), "error.receipt.file", path)
	}
	return nil
}

// ReadReceipt reads and checks a file; see receipt.Open.
func ReadReceipt(path string) (*receipt.File, error) {
	f, size, err := openRegular(path, "error.receipt.file")
	if err != nil {
		return nil, fmt.Errorf("read receipt: %w", err)
	}
	defer f.Close()
	if size > receipt.MaxBytes {
		return nil, core.Explain(fmt.Errorf("receipt of %d bytes: %w", size, core.ErrTooLarge), "error.receipt.large")
	}
	raw, err := io.ReadAll(io.LimitReader(f, receipt.MaxBytes+1)) // it may have grown
	if err != nil {
		return nil, core.Explain(fmt.Errorf("read receipt: %w", err), "error.receipt.file", path)
	}
	return receipt.Open(raw)
}

// IsReceipt says whether a file is meant as a receipt, by its first bytes.
func IsReceipt(path string) bool {
	f, _, err := openRegular(path, "error.receipt.file")
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 64)
	n, _ := f.Read(head)
	return receipt.Is(head[:n])
}

// hashed are the files of a model folder with their hashes, and the model's ID.
func (m *Models) hashed(ctx context.Context, name string) ([]weights.File, string, error) {
	dir, err := m.folder(name)
	if err != nil {
		return nil, "", err
	}
	folder, err := weights.Open(dir)
	if err != nil {
		return nil, "", fmt.Errorf("open model %q: %w", name, err)
	}
	files, id, err := folder.Hashed(ctx, nil)
	return files, id, errors.Join(err, folder.Close())
}

// hashed reads an adapter's weights: its name, and the hash of which the ID is the beginning. core.ErrNotFound, core.ErrCorrupt.
func (a *Adapters) hashed(ctx context.Context, id string) (name, sum string, err error) {
	if a == nil {
		return "", "", fmt.Errorf("adapter %s: %w", id, core.ErrNotFound)
	}
	x, err := a.book().Adapter(ctx, id)
	if err != nil {
		return "", "", err
	}
	read, err := lora.ReadSealed(a.folder(id), a.Key)
	if err != nil {
		return x.Name, "", err
	}
	if read.ID != id {
		return x.Name, "", fmt.Errorf("adapter %s is %s: %w", id, read.ID, core.ErrCorrupt)
	}
	return x.Name, read.Sum(), nil
}

// stampWait is how long an answer waits for the engine to say what it is.
const stampWait = 2 * time.Second

// stamp notes in the receipts of answers what only this process knows: versions, processor, and the hashes of the documents' files.
func (c *Chat) stamp(ctx context.Context, collection string, answers []core.Answer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stampWait) // what was stopped is kept, too
	defer cancel()
	sums := map[string]string{}
	origin := c.origin(ctx)
	origin.SideBySide = len(answers)
	for i := range answers {
		r := answers[i].Receipt
		if r == nil {
			continue
		}
		own := origin
		r.Origin, r.Documents = &own, map[string]string{}
		for _, p := range answers[i].Passages {
			sum, ok := sums[p.Document]
			if !ok {
				if doc, err := c.Library.Store.Document(ctx, collection, p.Document); err == nil {
					sum = doc.SHA256
				}
				sums[p.Document] = sum
			}
			if sum != "" {
				r.Documents[p.Document] = sum
			}
		}
	}
}

// origin is what answers are computed with.
func (c *Chat) origin(ctx context.Context) core.Origin {
	o := core.Origin{Program: c.Version, Threads: c.Settings.Get().Threads, SideBySide: 1}
	client, err := c.Models.Engine.Client(ctx)
	if err != nil {
		return o
	}
	able, ok := client.(interface {
		Status(ctx context.Context) (engine.Status, error)
	})
	if !ok {
		return o
	}
	st, err := able.Status(ctx)
	if err != nil {
		slog.Warn("ask the engine what it is, for a receipt", "error", err)
		return o
	}
	o.Engine, o.Torch, o.Processor = st.Version, st.Device.Torch, st.Device.Name
	if o.Threads == 0 {
		o.Threads = st.Device.Threads
	}
	return o
}

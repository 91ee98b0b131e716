package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
)

// CapsuleContent is what is in a capsule, or in a library.
type CapsuleContent struct {
	CapsuleSummary
	Embedder      string                `json:"embedder"` // name of the one in use where it was made
	Collections   []CapsuleCollection   `json:"collections"`
	Documents     []CapsuleDocument     `json:"-"`
	Conversations []CapsuleConversation `json:"-"`
	Others        []CapsuleOther        `json:"-"` // datasets, exams, runs, adapters, corrections
}

// CapsuleCollection is a collection in a capsule.
type CapsuleCollection struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Documents int            `json:"documents"`
	Chunks    int            `json:"chunks"`
	Embedders map[string]int `json:"embedders"` // documents by EmbedderInfo.ID
	Graph     bool           `json:"graph"`     // with its vector index
}

// CapsuleDocument is a document in a capsule.
type CapsuleDocument struct {
	index.Entry
	Collection string // name
}

// CapsuleConversation is a conversation in a capsule.
type CapsuleConversation struct {
	record.Conversation
	TurnIDs map[string]bool
}

// CapsuleOther is another record in a capsule that stands for something a person made.
type CapsuleOther struct {
	Kind string `json:"kind"` // record.KindDataset and others
	ID   string `json:"id"`
	Name string `json:"name"`
}

// capsuleReader reads a capsule that was opened with its passphrase, as often as wanted.
type capsuleReader struct {
	f    *os.File
	size int64
	at   int64 // where the sealed part begins
	key  *vault.Key
}

// openCapsule opens a file with its passphrase: core.ErrUnsupported for what is no capsule, core.ErrCorrupt for a damaged head, vault.ErrPassphrase.
func openCapsule(path string, pass []byte) (_ *capsuleReader, err error) {
	f, size, err := openRegular(path, "error.capsule.open")
	if err != nil {
		return nil, fmt.Errorf("capsule: %w", err)
	}
	r := &capsuleReader{f: f, size: size}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open capsule %s: %w", path, err), f.Close())
		}
	}()
	head, err := capsuleHead(f)
	if err != nil {
		return nil, err
	}
	if r.at, err = f.Seek(0, io.SeekCurrent); err != nil {
		return nil, err
	}
	r.key, err = head.Open(pass)
	switch {
	case errors.Is(err, vault.ErrPassphrase):
		return nil, core.Explain(err, "error.capsule.passphrase")
	case err != nil:
		return nil, core.Explain(fmt.Errorf("%w: %w", core.ErrCorrupt, err), "error.capsule.head", filepath.Base(path))
	}
	return r, nil
}

// capsuleHead reads the head of a capsule from its beginning.
func capsuleHead(f *os.File) (vault.Header, error) {
	head, err := sealedHead(f, sealedCapsule)
	switch {
	case errors.Is(err, errForeign):
		err = core.Explain(err, "error.capsule.foreign", filepath.Base(f.Name()))
	case errors.Is(err, core.ErrCorrupt):
		err = core.Explain(err, "error.capsule.head", filepath.Base(f.Name()))
	}
	return head, err
}

// PeekCapsule says whether a file can be a capsule, before anybody is asked for its passphrase: nil, or the error that opening it would come to with any.
func PeekCapsule(path string) error {
	f, _, err := openRegular(path, "error.capsule.open")
	if err != nil {
		return fmt.Errorf("capsule: %w", err)
	}
	defer f.Close()
	if _, err := capsuleHead(f); err != nil {
		return fmt.Errorf("open capsule %s: %w", path, err)
	}
	return nil
}

// Close forgets the capsule's key.
func (r *capsuleReader) Close() error {
	r.key.Close()
	return r.f.Close()
}

// read calls fn with all frames. sum is the same for two readings of the same contents.
func (r *capsuleReader) read(ctx context.Context, stage string, p core.Progress, fn func(kind byte, payload []byte) error) (header BackupHeader, count BackupCount, sum string, err error) {
	if _, err := r.f.Seek(r.at, io.SeekStart); err != nil {
		return header, count, "", err
	}
	counted := &counter{r: r.f}
	counted.n.Store(r.at)
	damaged := func(err error) error {
		if !errors.Is(err, core.ErrCorrupt) {
			return err
		}
		var said *core.UserError
		if errors.As(err, &said) && said.Key != capsuleForm.damaged {
			return err
		}
		return core.Explain(err, "error.capsule.damaged", filepath.Base(r.f.Name()), min(counted.n.Load(), r.size)>>10, r.size>>10)
	}
	in, err := unseal(counted, r.key)
	if err == nil {
		header, count, sum, err = frames(in, capsuleForm, func(int64) {
			p.Report(core.Update{Stage: stage, Done: counted.n.Load(), Total: r.size})
		}, func(kind byte, payload []byte) error { return errors.Join(ctx.Err(), fn(kind, payload)) })
	}
	if err != nil {
		return header, count, "", fmt.Errorf("read capsule: %w", damaged(err))
	}
	return header, count, sum, nil
}

// counter counts what is read through it, for others, too.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// lookedCapsule is what the first reading of a capsule found.
type lookedCapsule struct {
	CapsuleContent
	embedderID string
	changed    map[int]bool       // documents that came again, and vector indexes that count for nothing, by the number of their end
	graphs     map[string]bool    // ids of collections with a vector index that is whole
	records    map[[2]string]bool // kind and id
	bytes      int64              // unpacked
	sum        string
}

// Look reads a capsule to its end, which proves that it is whole, and says what is in it, as a job. Nothing is changed.
func (c *Capsule) Look(ctx context.Context, path string, pass []byte, listen func(job.State)) (CapsuleContent, error) {
	var out lookedCapsule
	j := c.Jobs.Start(ctx, job.Name{Key: "job.capsule.look", Note: filepath.Base(path)}, func(ctx context.Context, p core.Progress) error {
		p.Report(core.Update{Stage: "lock"})
		r, err := openCapsule(path, pass)
		if err != nil {
			return err
		}
		out, err = r.look(ctx, p)
		return errors.Join(err, r.Close())
	}, listen)
	return out.CapsuleContent, j.Wait(context.Background())
}

func (r *capsuleReader) look(ctx context.Context, p core.Progress) (l lookedCapsule, err error) {
	start := time.Now()
	l.changed, l.graphs, l.records = map[int]bool{}, map[string]bool{}, map[[2]string]bool{}
	byID := map[string]int{}
	turns := map[string]map[string]bool{}
	ends, files := 0, fileCount{}
	var doc *index.Entry
	graph := ""
	value := func(key string, payload []byte) error {
		if err := index.CheckCapsule(key); err != nil {
			return err
		}
		if c, ok, err := index.CollectionOf(key, payload); err != nil {
			return err
		} else if ok {
			if _, twice := byID[c.ID]; twice {
				return errBadBackup
			}
			byID[c.ID] = len(l.Collections)
			l.Collections = append(l.Collections, CapsuleCollection{ID: c.ID, Name: c.Name, Embedders: map[string]int{}})
			return nil
		}
		if e, ok, err := index.EntryOf(key, payload); err != nil {
			return err
		} else if ok {
			if _, known := byID[e.Collection]; !known || e.Generation == 0 {
				return errBadBackup
			}
			doc = &e
			return nil
		}
		if collection, embedder, ok := index.GraphOf(key); ok {
			graph = collection + "/" + embedder
			return nil
		}
		kind, id, ok := index.RecordOf(key)
		if !ok {
			return nil
		}
		l.records[[2]string{kind, id}] = true
		return l.record(kind, id, payload, turns)
	}
	header, count, sum, err := r.read(ctx, "look", p, func(kind byte, payload []byte) error {
		switch kind {
		case frameValues:
			l.bytes += int64(len(payload))
			return eachValue(payload, value)
		case frameKept, frameChanged:
			l.changed[ends] = kind == frameChanged
			ends++
			if kind == frameKept {
				if doc == nil {
					return nil // it was removed meanwhile
				}
				c := &l.Collections[byID[doc.Collection]]
				c.Documents++
				c.Chunks += doc.Chunks
				c.Embedders[doc.Embedder]++
				l.Documents = append(l.Documents, CapsuleDocument{*doc, c.Name})
			}
			doc = nil
		case frameGraph, frameNoGraph:
			l.changed[ends] = kind == frameNoGraph
			ends++
			collection, _, _ := strings.Cut(graph, "/")
			if at, known := byID[collection]; known && kind == frameGraph {
				l.graphs[collection], l.Collections[at].Graph = true, true
			}
			graph = ""
		case frameFile:
			f, err := files.begin(payload)
			if err == nil && (!strings.HasPrefix(f.Path, adaptersDir+"/") || strings.Count(f.Path, "/") != 2) {
				err = errBadBackup
			}
			return err
		case frameBytes:
			l.bytes += int64(len(payload))
			return files.bytes(len(payload))
		default:
			return errBadBackup
		}
		return nil
	})
	if err == nil && !files.whole() {
		err = core.Explain(errBadBackup, "error.capsule.damaged", filepath.Base(r.f.Name()), r.size>>10, r.size>>10)
	}
	if err != nil {
		return l, err
	}
	for i := range l.Conversations {
		l.Conversations[i].TurnIDs = turns[l.Conversations[i].ID]
	}
	l.sum, l.embedderID, l.Embedder = sum, header.EmbedderID, header.Embedder
	l.CapsuleSummary = CapsuleSummary{
		File: r.f.Name(), Bytes: r.size, Made: header.Made, Program: header.Program, Whole: header.Whole, BackupCount: count, Seconds: time.Since(start).Seconds(),
	}
	return l, nil
}

// record notes what a record stands for.
func (l *lookedCapsule) record(kind, id string, payload []byte, turns map[string]map[string]bool) error {
	headOf, of, ok := record.HeadOf(kind, id)
	if !ok {
		return fmt.Errorf("record %s in a capsule: %w", kind, core.ErrCorrupt)
	}
	if record.IsTurn(kind) {
		if turns[of] == nil {
			turns[of] = map[string]bool{}
		}
		turns[of][id] = true
	}
	if headOf != kind {
		return nil
	}
	if kind == record.KindConversation {
		c, err := record.Decode[record.Conversation](payload)
		l.Conversations = append(l.Conversations, CapsuleConversation{Conversation: c})
		return err
	}
	named, err := record.Decode[struct {
		Name        string `json:"name"`
		AdapterName string `json:"adapter_name"`
		Question    string `json:"question"`
	}](payload)
	for _, name := range []string{named.AdapterName, named.Question} {
		if named.Name == "" {
			named.Name = name
		}
	}
	l.Others = append(l.Others, CapsuleOther{kind, id, named.Name})
	return err
}

// Content is what of this library a capsule would hold: of the named collections, or of everything.
func (c *Capsule) Content(ctx context.Context, names []string) (out CapsuleContent, err error) {
	ids, names, err := c.chosen(ctx, names)
	if err != nil {
		return out, err
	}
	all, err := c.Store.Collections(ctx)
	if err != nil {
		return out, err
	}
	out.Whole, out.Embedder = ids == nil, c.Settings.Get().Embedder
	for _, one := range all {
		if ids != nil && !ids[one.ID] {
			continue
		}
		its := CapsuleCollection{ID: one.ID, Name: one.Name, Embedders: map[string]int{}}
		docs, err := c.Store.Documents(ctx, one.ID)
		if err != nil {
			return out, err
		}
		for _, d := range docs {
			if d.State != core.DocumentReady {
				continue
			}
			its.Documents++
			its.Chunks += d.Chunks
			its.Embedders[d.Embedder]++
			out.Documents = append(out.Documents, CapsuleDocument{index.Entry{Collection: one.ID, Document: d, Chunks: d.Chunks, Embedder: d.Embedder}, one.Name})
		}
		out.BackupCount.Documents += its.Documents
		out.Chunks += its.Chunks
		out.Collections = append(out.Collections, its)
	}
	book := record.Book{Store: c.Store}
	belongs, err := book.Belong(ctx, names, DefaultCollection)
	if err != nil {
		return out, err
	}
	l := lookedCapsule{}
	for _, kind := range []string{record.KindConversation, record.KindDataset, record.KindExam, record.KindAdapter, record.KindRun, record.KindCorrection} {
		for id := range belongs.IDs(kind) {
			payload, err := c.Store.Record(ctx, kind, id)
			if err == nil {
				err = l.record(kind, id, payload, nil)
			}
			if err != nil {
				return out, err
			}
		}
	}
	for i := range l.Conversations {
		one := &l.Conversations[i]
		ids, err := book.TurnIDs(ctx, one.ID)
		if err != nil {
			return out, err
		}
		one.TurnIDs = map[string]bool{}
		for _, id := range ids {
			one.TurnIDs[id] = true
		}
	}
	out.Conversations, out.Others = l.Conversations, l.Others
	out.Collections = slices.Clip(out.Collections)
	return out, nil
}

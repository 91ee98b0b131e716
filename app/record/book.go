package record

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"kakoi/core"
)

// version of the values' form. A later one is left alone.
const version = 1

// Kinds of records. Turns and answers have a kind per conversation, so that one scan reads all of a conversation's.
const (
	headKind       = "conversation"
	turnKind       = "turn."  // + Conversation.ID; id Turn.ID
	givenKind      = "given." // + Conversation.ID; id Turn.ID + "." + Given.ID
	correctionKind = "correction"
	goneKind       = "conversation.gone" // to be erased; id Conversation.ID
)

// Store keeps records; what Put returned from is on disk.
type Store interface {
	PutRecord(ctx context.Context, kind, id string, value []byte) error
	Record(ctx context.Context, kind, id string) ([]byte, error)
	Records(ctx context.Context, kind string) (map[string][]byte, error)
	RecordIDs(ctx context.Context, kind string) ([]string, error)
	DeleteRecord(ctx context.Context, kind, id string) error
	// EraseRecords drops records so that no file of the library holds their bytes any more; those that are not there
	// are passed over. An empty id is all of the kind.
	EraseRecords(ctx context.Context, keys ...[2]string) error
}

// Damage is a record that cannot be read. Err wraps core.ErrCorrupt.
type Damage struct {
	Kind, ID string
	Err      error
}

// NewID makes a random id of 16 hex digits.
func NewID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// form is how a value is stored.
type form struct {
	Version int             `json:"version"`
	Value   json.RawMessage `json:"value,omitempty"`
	Packed  []byte          `json:"packed,omitempty"` // a long value, deflated
}

// A record may have 900 KB: an answer of 100,000 characters with all its sources has a megabyte, and a third of that packed.
const (
	packAbove   = 256 << 10
	maxUnpacked = 64 << 20
)

func encode(v any) ([]byte, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if len(value) <= packAbove {
		return json.Marshal(form{Version: version, Value: value})
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err == nil {
		_, err = w.Write(value)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(form{Version: version, Packed: b.Bytes()})
}

func unpack(packed []byte) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxUnpacked))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	return value, nil
}

// decode gives core.ErrUnsupported for a later version and core.ErrCorrupt for what is no value.
func decode(raw []byte, into any) error {
	var f form
	if err := json.Unmarshal(raw, &f); err != nil {
		return fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	if f.Version > version {
		return fmt.Errorf("version %d: %w", f.Version, core.ErrUnsupported)
	}
	if f.Version < 1 {
		return fmt.Errorf("version %d: %w", f.Version, core.ErrCorrupt)
	}
	if f.Packed != nil {
		value, err := unpack(f.Packed)
		if err != nil {
			return err
		}
		f.Value = value
	}
	if err := json.Unmarshal(f.Value, into); err != nil {
		return fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	return nil
}

// Book reads and writes the records. It locks nothing: who changes a record reads and writes it alone.
type Book struct{ Store Store }

func put(ctx context.Context, b Book, kind, id string, v any) error {
	raw, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", kind, id, err)
	}
	if err := b.Store.PutRecord(ctx, kind, id, raw); err != nil {
		return fmt.Errorf("write %s %s: %w", kind, id, err)
	}
	return nil
}

func get[T any](ctx context.Context, b Book, kind, id string) (v T, err error) {
	raw, err := b.Store.Record(ctx, kind, id)
	if err == nil {
		err = decode(raw, &v)
	}
	if err != nil {
		return v, fmt.Errorf("read %s %s: %w", kind, id, err)
	}
	return v, nil
}

// each calls fn with every record of a kind that can be read.
func each[T any](ctx context.Context, b Book, kind string, fn func(id string, v T)) ([]Damage, error) {
	var damaged []Damage
	take := func(id string, raw []byte, err error) {
		var v T
		if err == nil {
			err = decode(raw, &v)
		}
		switch {
		case err == nil:
			fn(id, v)
		case !errors.Is(err, core.ErrUnsupported):
			damaged = append(damaged, Damage{kind, id, fmt.Errorf("read %s %s: %w", kind, id, err)})
		}
	}
	all, err := b.Store.Records(ctx, kind)
	if err == nil {
		for id, raw := range all {
			take(id, raw, nil)
		}
		return damaged, nil
	}
	if !errors.Is(err, core.ErrCorrupt) {
		return nil, fmt.Errorf("read records: %w", err)
	}
	// One is damaged in the store: the others are read one by one.
	ids, err := b.Store.RecordIDs(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	for _, id := range ids {
		raw, err := b.Store.Record(ctx, kind, id)
		if err != nil && !errors.Is(err, core.ErrCorrupt) {
			return nil, fmt.Errorf("read records: %w", err)
		}
		take(id, raw, err)
	}
	return damaged, nil
}

// Heads are the conversations, newest change first.
func (b Book) Heads(ctx context.Context) ([]Conversation, []Damage, error) {
	gone, err := b.Store.RecordIDs(ctx, goneKind)
	if err != nil {
		return nil, nil, fmt.Errorf("list conversations: %w", err)
	}
	var heads []Conversation
	damaged, err := each(ctx, b, headKind, func(id string, c Conversation) {
		if !slices.Contains(gone, id) {
			heads = append(heads, c)
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list conversations: %w", err)
	}
	slices.SortFunc(heads, func(a, b Conversation) int {
		return cmp.Or(b.Changed.Compare(a.Changed), cmp.Compare(a.ID, b.ID))
	})
	return heads, damaged, nil
}

// Head is one conversation: core.ErrNotFound.
func (b Book) Head(ctx context.Context, id string) (Conversation, error) {
	if _, err := b.Store.Record(ctx, goneKind, id); err == nil {
		return Conversation{}, fmt.Errorf("conversation %s is being erased: %w", id, core.ErrNotFound)
	}
	return get[Conversation](ctx, b, headKind, id)
}

// PutHead writes a conversation's head.
func (b Book) PutHead(ctx context.Context, c Conversation) error {
	return put(ctx, b, headKind, c.ID, c)
}

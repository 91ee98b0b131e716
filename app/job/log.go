package job

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Records is where a Log keeps its entries: small values under a kind and an id, durable when Put returns.
type Records interface {
	PutRecord(ctx context.Context, kind, id string, value []byte) error
	Records(ctx context.Context, kind string) (map[string][]byte, error)
	DeleteRecord(ctx context.Context, kind, id string) error
}

const recordKind = "job"

// Entry is work that was begun and has not been finished.
type Entry struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"` // "add"
	Begun   time.Time       `json:"begun"`
	Plan    json.RawMessage `json:"plan"` // what to do, as the use-case wrote it
	Running bool            `json:"-"`    // by this process, now
}

// Log remembers begun work until it is finished. The same plan of the same kind is one entry, however often it
// is begun. It is safe for concurrent use.
type Log struct {
	records Records
	mu      sync.Mutex
	running map[string]int
}

// NewLog returns the Log on a store.
func NewLog(r Records) *Log { return &Log{records: r, running: map[string]int{}} }

// Begin remembers that the work starts now.
func (l *Log) Begin(ctx context.Context, kind string, plan any) (Entry, error) {
	raw, err := json.Marshal(plan)
	if err != nil {
		return Entry{}, fmt.Errorf("encode plan of %s: %w", kind, err)
	}
	sum := sha256.Sum256(append([]byte(kind+"\x00"), raw...))
	e := Entry{ID: hex.EncodeToString(sum[:8]), Kind: kind, Begun: time.Now().UTC(), Plan: raw}
	value, err := json.Marshal(e)
	if err != nil {
		return Entry{}, fmt.Errorf("encode job %s: %w", e.ID, err)
	}
	if err := l.records.PutRecord(ctx, recordKind, e.ID, value); err != nil {
		return Entry{}, fmt.Errorf("remember job %s: %w", e.ID, err)
	}
	l.mu.Lock()
	l.running[e.ID]++
	l.mu.Unlock()
	return e, nil
}

// Stop says that the work of an entry runs no longer; finished takes the entry out of the Log. The
// entry is removed even when ctx has ended: it is one small write.
func (l *Log) Stop(ctx context.Context, e Entry, finished bool) error {
	l.mu.Lock()
	if l.running[e.ID]--; l.running[e.ID] <= 0 {
		delete(l.running, e.ID)
	}
	l.mu.Unlock()
	if !finished {
		return nil
	}
	return l.Forget(ctx, e)
}

// Forget takes an entry out of the Log, also when ctx has ended.
func (l *Log) Forget(ctx context.Context, e Entry) error {
	if err := l.records.DeleteRecord(context.WithoutCancel(ctx), recordKind, e.ID); err != nil {
		return fmt.Errorf("forget job %s: %w", e.ID, err)
	}
	return nil
}

// Entries lists what is not finished, oldest first. An entry that cannot be read is left out: it is of another version.
func (l *Log) Entries(ctx context.Context) ([]Entry, error) {
	values, err := l.records.Records(ctx, recordKind)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	entries := make([]Entry, 0, len(values))
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, value := range values {
		var e Entry
		if err := json.Unmarshal(value, &e); err != nil || e.ID != id {
			continue
		}
		e.Running = l.running[id] > 0
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.Begun.Compare(b.Begun), cmp.Compare(a.ID, b.ID))
	})
	return entries, nil
}

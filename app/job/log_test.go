package job

import (
	"context"
	"maps"
	"sync"
	"testing"
)

// memory is a Records store of one test.
type memory struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (m *memory) PutRecord(_ context.Context, kind, id string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m[kind+"/"+id] = value
	return nil
}

func (m *memory) Records(_ context.Context, kind string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for k, v := range maps.All(m.m) {
		if len(k) > len(kind) && k[:len(kind)+1] == kind+"/" {
			out[k[len(kind)+1:]] = v
		}
	}
	return out, nil
}

func (m *memory) DeleteRecord(_ context.Context, kind, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.m, kind+"/"+id)
	return nil
}

func TestLogKeepsWhatIsNotFinished(t *testing.T) {
	ctx, store := t.Context(), &memory{m: map[string][]byte{}}
	l := NewLog(store)
	one, err := l.Begin(ctx, "add", map[string]any{"paths": []string{"/a"}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.Begin(ctx, "add", map[string]any{"paths": []string{"/b"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Stop(ctx, one, true); err != nil {
		t.Fatal(err)
	}
	if err := l.Stop(ctx, two, false); err != nil {
		t.Fatal(err)
	}

	later := NewLog(store) // as another process sees it
	entries, err := later.Entries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].ID != two.ID || string(entries[0].Plan) != `{"paths":["/b"]}` || entries[0].Running {
		t.Fatalf("entries are %+v, want only the second, not running", entries)
	}
	again, err := later.Begin(ctx, "add", map[string]any{"paths": []string{"/b"}})
	if err != nil {
		t.Fatal(err)
	}
	if again.ID != two.ID {
		t.Errorf("the same plan has ids %s and %s", two.ID, again.ID)
	}
	if entries, _ := later.Entries(ctx); len(entries) != 1 || !entries[0].Running {
		t.Errorf("entries are %+v, want one, running", entries)
	}
}

func TestLogForgetsAfterCancel(t *testing.T) {
	store := &memory{m: map[string][]byte{}}
	l := NewLog(store)
	ctx, cancel := context.WithCancel(t.Context())
	e, err := l.Begin(ctx, "add", 1)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := l.Stop(ctx, e, true); err != nil {
		t.Fatal(err)
	}
	if len(store.m) != 0 {
		t.Errorf("store still holds %v", store.m)
	}
}

func TestLogLeavesOutForeignEntries(t *testing.T) {
	store := &memory{m: map[string][]byte{"job/x": []byte("{")}}
	entries, err := NewLog(store).Entries(t.Context())
	if err != nil || len(entries) != 0 {
		t.Errorf("entries %v, error %v, want none", entries, err)
	}
}

package engine_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/engine"
)

// TestRerank: scores come as the model gives them, in as many messages as it takes; after a crash the next call loads it again.
func TestRerank(t *testing.T) {
	c, _ := start(t, nil)
	dir := newFolder(t, 0)
	r, err := c.LoadReranker(t.Context(), dir, engine.ModelOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	local := &common{}
	texts := []string{"囲い", "", "abc \xff", strings.Repeat("い", 3<<20), "x"}
	for range 2000 {
		texts = append(texts, "囲")
	}
	want, _ := local.Rerank(t.Context(), "囲い a", texts)
	got, err := r.Rerank(t.Context(), "囲い a", texts)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v ..., want %v ...: %v", got[:min(5, len(got))], want[:5], err)
	}
	if info := r.Info(); info.MaxTokens != 99 || info.ID == "" {
		t.Errorf("info %+v", info)
	}
	if _, err := r.Rerank(t.Context(), "segfault", texts[:1]); !errors.Is(err, core.ErrEngine) {
		t.Errorf("after a crash: %v", err)
	}
	if got, err := r.Rerank(t.Context(), "囲い a", texts[:3]); err != nil || !reflect.DeepEqual(got, want[:3]) {
		t.Errorf("after the crash: %v, %v", got, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Rerank(t.Context(), "a", []string{"a"}); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("closed: %v", err)
	}
}

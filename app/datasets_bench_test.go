package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/index"
)

// 5,000 rows are paged through and marked in no time: each within 50 ms on one core.
func BenchmarkReviewOf5000Rows(b *testing.B) {
	x, err := index.Open(filepath.Join(b.TempDir(), "library"), index.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	store := app.Indexed{Index: x}
	chat := &app.Chat{Library: &app.Library{Store: store, Jobs: job.NewRunner()}}
	k := &app.Datasets{Store: store, Chat: chat}
	var text strings.Builder
	for i := range 5000 {
		raw, err := json.Marshal(map[string]string{"inputs": strings.Repeat("就業規則の条文です。", 60) + fmt.Sprintf("質問→%d?\nシステム:", i), "labels": fmt.Sprintf("%d日です。", i)})
		if err != nil {
			b.Fatal(err)
		}
		text.Write(append(raw, '\n'))
	}
	path := filepath.Join(b.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	start := time.Now()
	s, err := k.Import(ctx, path, app.ImportPlan{}, app.DatasetOptions{})
	if err != nil || s.Counts.Rows != 5000 {
		b.Fatal(s.Counts, err)
	}
	b.Logf("imported in %v, %d records", time.Since(start), s.Portions)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			fresh := &app.Datasets{Store: store, Chat: chat}
			if page, err := fresh.Page(ctx, s.ID, app.RowFilter{}, 4000, 50); err != nil || len(page.Rows) != 50 {
				b.Fatal(err)
			}
		}
	})
	b.Run("search", func(b *testing.B) {
		for b.Loop() {
			if page, err := k.Page(ctx, s.ID, app.RowFilter{Search: "4999日"}, 0, 50); err != nil || page.Total != 1 {
				b.Fatal(page.Total, err)
			}
		}
	})
	page, err := k.Page(ctx, s.ID, app.RowFilter{}, 2500, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("mark", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if err := k.SetState(ctx, s.ID, []core.RowState{core.RowKept, core.RowDropped}[i%2], page.Rows[0].ID); err != nil {
				b.Fatal(err)
			}
		}
	})
}

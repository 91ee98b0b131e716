package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core/ingest"
)

func TestShow(t *testing.T) {
	dir := os.Getenv("SHOW")
	if dir == "" {
		return
	}
	files, _, err := ingest.Walk(context.Background(), []string{dir}, ingest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		doc, pages, err := ingest.Read(context.Background(), f.Path, ingest.Options{CacheDir: "/tmp/t1w/cache"})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("=====", filepath.Base(doc.Source))
		for _, d := range Drafts(Document{ID: "x", Name: doc.Name, Pages: pages}) {
			fmt.Printf("%-10s %s\n           -> %s\n", d.Kind, d.Question, d.Answer)
		}
	}
}

package ingest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core/ingest"
)

// What set-up prepared is used without a trace in the data folder; what does not fit costs a compilation, not the file.
func TestPreparedPDFEngine(t *testing.T) {
	prepared := options(t).CacheDir
	if err := ingest.Prepare(prepared); err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	versions, err := os.ReadDir(prepared)
	if err != nil || len(versions) == 0 {
		t.Fatalf("prepared folder: %v, %v", versions, err)
	}
	for _, v := range versions {
		files, err := os.ReadDir(filepath.Join(prepared, v.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(damaged, v.Name()), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.WriteFile(filepath.Join(damaged, v.Name(), f.Name()), []byte("WAZEVO damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	pdf, err := filepath.Glob("../../resources/samples/*.pdf")
	if err != nil || len(pdf) == 0 {
		t.Fatalf("no sample: %v", err)
	}
	for name, folder := range map[string]string{"prepared": prepared, "damaged": damaged} {
		t.Run(name, func(t *testing.T) {
			own := t.TempDir()
			_, pages, err := ingest.Read(context.Background(), pdf[0], ingest.Options{Prepared: folder, CacheDir: own})
			if err != nil || len(pages) == 0 {
				t.Fatalf("%d pages, %v", len(pages), err)
			}
			left, err := os.ReadDir(own)
			if err != nil {
				t.Fatal(err)
			}
			if name == "prepared" && len(left) != 0 {
				t.Errorf("the data folder got %v", left)
			}
			if err := ingest.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

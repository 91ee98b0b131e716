package ingest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
	"unicode"

	"kakoi/core/ingest"
)

// benchPDFs are the files of the benchmark: those of the tests and the samples, and what lies in the folders that KAKOI_PDFS lists.
func benchPDFs(b *testing.B) []string {
	b.Helper()
	patterns := []string{"testdata/pdf/*.pdf", "testdata/office.pdf", "testdata/owner.pdf", "testdata/cid.pdf", "testdata/columns.pdf", "../../resources/samples/*.pdf"}
	for _, folder := range filepath.SplitList(os.Getenv("KAKOI_PDFS")) {
		patterns = append(patterns, filepath.Join(folder, "*.pdf"))
	}
	var files []string
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, found...)
	}
	return files
}

// BenchmarkPDF reads the files two at a time, and in the same run has pdftotext (poppler-utils) read them: one process after the other, and two at a
// time. It prints pages a second of all three, and how many of pdftotext's characters stand in our text.
//
//	go test -run '^$' -bench PDF ./core/ingest
func BenchmarkPDF(b *testing.B) {
	opt := options(b)
	if opt.FontsDir == "" { // as an installed program: with the fonts that come with it
		if cache, err := os.UserCacheDir(); err == nil {
			if fonts := filepath.Join(cache, "kakoi-build", "fonts"); exists(fonts) {
				opt.FontsDir = fonts
			}
		}
	}
	files := benchPDFs(b)
	if _, _, err := ingest.Read(context.Background(), files[0], opt); err != nil { // compiles the engine, should it not be
		b.Fatal(err)
	}
	peer, err := exec.LookPath("pdftotext")
	if err != nil {
		b.Log("no peer: pdftotext (Debian: poppler-utils) is not installed")
	}
	var readable []string
	pages, have, all := 0, 0, 0
	for _, f := range files {
		_, read, err := ingest.Read(context.Background(), f, opt)
		if err != nil {
			b.Logf("%-28s not read: %v", filepath.Base(f), err)
			continue
		}
		readable = append(readable, f)
		pages += len(read)
		if peer == "" {
			continue
		}
		theirs, err := peerText(peer, f)
		if err != nil {
			b.Fatal(err)
		}
		ours := map[rune]int{}
		for _, p := range read {
			for _, c := range p.Text {
				ours[c]++
			}
		}
		same, of := 0, 0
		for _, c := range theirs {
			if unicode.IsSpace(c) {
				continue
			}
			of++
			if ours[c] > 0 {
				ours[c]--
				same++
			}
		}
		have, all = have+same, all+of
		b.Logf("%-28s %3d pages, %.2f%% of %d characters", filepath.Base(f), len(read), 100*float64(same)/float64(max(of, 1)), of)
	}
	rate := func(workers int, read func(string) error) float64 {
		start := time.Now()
		work := make(chan string)
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for f := range work {
					if err := read(f); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for _, f := range readable {
			work <- f
		}
		close(work)
		wg.Wait()
		return float64(pages) / time.Since(start).Seconds()
	}
	var ours, one, two float64
	for b.Loop() {
		ours = max(ours, rate(2, func(f string) error {
			_, _, err := ingest.Read(context.Background(), f, opt)
			return err
		}))
		if peer == "" {
			continue
		}
		theirs := func(f string) error {
			_, err := peerText(peer, f)
			return err
		}
		one, two = max(one, rate(1, theirs)), max(two, rate(2, theirs))
	}
	b.ReportMetric(float64(len(readable)), "files")
	b.ReportMetric(ours, "pages/s")
	if peer != "" {
		b.ReportMetric(one, "pdftotext-pages/s")
		b.ReportMetric(two, "2-pdftotexts-pages/s")
		b.ReportMetric(100*float64(have)/float64(max(all, 1)), "%-of-its-characters")
	}
}

func peerText(peer, path string) (string, error) {
	var out bytes.Buffer
	cmd := exec.Command(peer, "-q", path, "-")
	cmd.Stdout = &out
	err := cmd.Run()
	return out.String(), err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

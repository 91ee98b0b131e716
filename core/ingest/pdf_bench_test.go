package ingest_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"

	"kakoi/core/ingest"
	"kakoi/core/ingest/ingesttest"
)

// benchPDFs are the files of the benchmark: those of the tests and the samples, two manuals of 120 pages that it writes, and what lies in the folders
// that KAKOI_PDFS lists.
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
	folder := b.TempDir()
	for name, japanese := range map[string]bool{"en-manual.pdf": false, "ja-manual.pdf": true} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, manual(120, japanese), 0o600); err != nil {
			b.Fatal(err)
		}
		files = append(files, path)
	}
	return files
}

// manual is a manual of so many pages: chapters, a header, page numbers, 40 lines of writing on a page, in fonts that are only named.
func manual(pages int, japanese bool) []byte {
	lines := []string{
		"Charging takes three hours with the adapter that comes with the lamp, and about twice as long from a computer.",
		"Every instrument is calibrated twice a year, and the records are kept for five years after it is taken out of service.",
		"When the alarm sounds, leave the building by the nearest stairs and wait until the names have been called.",
	}
	font, size, show := "/F1", 9, func(s string) string { return "(" + s + ")" }
	if japanese {
		lines = []string{
			"休暇を取ろうとする者は、三日前までに所属長に申し出なければならない。急病その他の理由があるときは、",
			"事後に遅滞なく届け出るものとする。会社は、事業の正常な運営を妨げる場合に限り、時季を変更することがある。",
			"情報機器を社外に持ち出すときは、画面の鍵と記憶装置の暗号化を確かめ、紛失したときは直ちに連絡する。",
		}
		font, show = "/F2", func(s string) string {
			var hex strings.Builder
			for _, unit := range utf16.Encode([]rune(s)) {
				fmt.Fprintf(&hex, "%04x", unit)
			}
			return "<" + hex.String() + ">"
		}
	}
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
		"<</Type/Font/Subtype/Type0/BaseFont/HeiseiKakuGo-W5/Encoding/UniJIS-UTF16-H/DescendantFonts[5 0 R]>>",
		"<</Type/Font/Subtype/CIDFontType0/BaseFont/HeiseiKakuGo-W5/CIDSystemInfo<</Registry(Adobe)/Ordering(Japan1)/Supplement 2>>/DW 1000/FontDescriptor 6 0 R>>",
		"<</Type/FontDescriptor/FontName/HeiseiKakuGo-W5/Flags 4/Ascent 752/Descent -271/CapHeight 737/StemV 114/ItalicAngle 0/FontBBox[-92 -250 1010 922]>>",
	}
	kids := ""
	for page := range pages {
		var text, packed bytes.Buffer
		fmt.Fprintf(&text, "BT /F1 8 Tf 50 810 Td (Manual of the lamps and instruments) Tj 0 -780 Td (- %d -) Tj ET\nBT %s 14 Tf 50 780 Td %s Tj ET\n", page+1, font, show(fmt.Sprint(page/6+1, " ", lines[page/6%len(lines)][:30])))
		fmt.Fprintf(&text, "BT %s %d Tf 50 750 Td 17 TL\n", font, size)
		for line := range 40 {
			fmt.Fprintf(&text, "%s Tj T*\n", show(fmt.Sprint(page+1, ".", line+1, " ", lines[(page+line)%len(lines)])))
		}
		text.WriteString("ET\n")
		z := zlib.NewWriter(&packed)
		z.Write(text.Bytes())
		z.Close()
		objects = append(objects,
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>>>", len(objects)+2),
			fmt.Sprintf("<</Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream", packed.Len(), packed.String()))
		kids += fmt.Sprintf("%d 0 R ", len(objects)-1)
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", pages, kids)
	return ingesttest.PDF(objects...)
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

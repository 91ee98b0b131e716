package ingest

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/ingest/ingesttest"
)

// packed is a PDF of pages whose content stream is text, times over, packed: a small file with as much to unpack as one likes.
func packed(t testing.TB, pages int, before, text, after string, times int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	w := bufio.NewWriter(z)
	w.WriteString(before)
	for range times {
		w.WriteString(text)
	}
	w.WriteString(after)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	kids, objects := "", []string{"<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
		fmt.Sprintf("<</Length %d/Filter/FlateDecode>>\nstream\n%s\nendstream", b.Len(), b.String())}
	for i := range pages {
		kids += fmt.Sprintf("%d 0 R ", 5+i)
		objects = append(objects, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 3 0 R>>>>>>")
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", pages, kids)
	return ingesttest.PDF(objects...)
}

// peak is the most memory that the process has had since the last call, in bytes.
func peak(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// TestPDFMemory: a small file that unpacks to more than an instance may have is refused with its name and what to do, the process stays small, and the
// next file is read.
func TestPDFMemory(t *testing.T) {
	opt := testOptions(t)
	if _, _, err := Read(t.Context(), filepath.Join("testdata", "columns.pdf"), opt); err != nil { // starts the engine
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"spaces.pdf": packed(t, 1, "", strings.Repeat(" ", 1000), "BT /F1 1 Tf 0 700 Td (abc) Tj ET", 700_000),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		peak(t)
		before := peak(t)
		_, pages, err := Read(t.Context(), path, opt)
		most := peak(t)
		var user *core.UserError
		if !errors.Is(err, core.ErrTooLarge) || !errors.As(err, &user) || user.Key != "error.file.memory" || len(user.Args) != 1 || user.Args[0] != name {
			t.Errorf("%s: %d pages, %v", name, len(pages), err)
		}
		if most-before > textMemory*5/4 {
			t.Errorf("%s (%d bytes): %d MB at most, %d before", name, len(data), most>>20, before>>20)
		}
		if _, pages, err = Read(t.Context(), filepath.Join("testdata", "office.pdf"), opt); err != nil || len(pages) != 2 {
			t.Errorf("after %s: %d pages, %v", name, len(pages), err)
		}
	}
}

// TestPDFCutPage: characters beyond what is read of a page are told.
func TestPDFCutPage(t *testing.T) {
	data := packed(t, 2, "BT /F1 1 Tf 0 700 Td ", "(abcdefghij) Tj 0 -1.5 Td ", "ET", 26_000)
	pages, findings, err := found(t, "pdf", data)
	if err != nil || len(pages) != 2 || len(pages[1].Text) < maxCells*9/10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	const all = 26_000*12 - 2 // with the two characters of each line end
	check(t, "page", findings, []core.Finding{{What: core.FindingCut, Why: core.WhyLetters, Page: 1, Last: 2, Count: 2 * (all - maxCells)}})
}

// sparsely is a PDF of pages of text, of which some need more memory than there is.
func sparsely(t testing.TB, texts []string, bombs ...int) []byte {
	t.Helper()
	bomb := packed(t, 1, "", strings.Repeat(" ", 1000), "BT /F1 1 Tf 0 700 Td (abc) Tj ET", 700_000)
	from := bytes.Index(bomb, []byte("4 0 obj"))
	stream := string(bomb[from+len("4 0 obj") : from+bytes.Index(bomb[from:], []byte("endobj"))])
	kids, objects := "", []string{"<</Type/Catalog/Pages 2 0 R>>", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", strings.TrimSpace(stream)}
	for i, text := range texts {
		contents := len(objects) + 2
		if slices.Contains(bombs, i) {
			contents = 4
		}
		kids += fmt.Sprintf("%d 0 R ", len(objects)+1)
		page := fmt.Sprintf("BT /F1 12 Tf 50 700 Td (%s) Tj ET", text)
		objects = append(objects, fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>", contents),
			fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(page), page))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(texts), kids)
	return ingesttest.PDF(objects...)
}

// TestPDFMemoryOfOnePage: a page that needs more memory than there is is named, and the others are read; where too many do, the document is refused.
func TestPDFMemoryOfOnePage(t *testing.T) {
	texts := []string{"The first page", "lost", "The third page"}
	pages, findings, err := found(t, "pdf", sparsely(t, texts, 1))
	if err != nil || len(pages) != 3 || pages[0].Text != texts[0] || pages[1].Text != "" || pages[2].Text != texts[2] {
		t.Fatalf("%+v, %v", pages, err)
	}
	check(t, "pages", findings, []core.Finding{{What: core.FindingBroken, Page: 2}})
	r := &reading{opt: testOptions(t), q: newBudget(t.Context(), 1<<20)}
	begun := 0
	err = r.passes(sparsely(t, texts), func(_ *pdfDoc, full map[int]bool) error {
		begun++
		return &fullPage{len(full)}
	})
	if !errors.Is(err, errMemory) || begun != mostFull+1 {
		t.Errorf("too many: begun %d times, %v", begun, err)
	}
}

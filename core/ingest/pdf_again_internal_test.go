package ingest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLaidOutAgain: a page that is shown again and again keeps its text, on which the places of citations stand: its allowance of steps is for one
// time, not for all.
func TestLaidOutAgain(t *testing.T) {
	for _, name := range []string{"ja-two.pdf", "ja-tables.pdf"} {
		data, err := os.ReadFile(filepath.Join("testdata", "pdf", name))
		if err != nil {
			t.Fatal(err)
		}
		err = withPDF(t.Context(), data, testOptions(t), func(d *pdfDoc) error {
			kept, titles := map[int]*heldSheet{}, d.outline()
			h, first, _, err := d.single(0, kept, titles)
			if err != nil {
				return err
			}
			steps := h.sheet.effort
			text, _ := h.layout(kept, 0, d.count, titles[0])
			if steps == 0 || h.sheet.effort != steps || text != first {
				t.Errorf("%s took %d steps, the second time %d:\n%s\n%s", name, steps, h.sheet.effort-steps, first, text)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

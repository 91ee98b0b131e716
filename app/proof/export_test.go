package proof

import (
	"context"
	"io"
)

// PlainPages writes a report and tells how many pages come before the technical part.
func PlainPages(w io.Writer, r Report, fonts, lang string, texts Texts) (int, error) {
	return writePDF(context.Background(), w, r, fonts, lang, texts)
}

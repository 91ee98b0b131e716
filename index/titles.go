package index

import (
	"path"
	"strings"

	"kakoi/core"
	"kakoi/core/outline"
)

// titlesOf gives the text of the title field of each chunk: the document's name without its ending, and the headings above the chunk.
func titlesOf(doc core.Document, pages []core.Page, chunks []core.Chunk) []string {
	name := strings.TrimSuffix(doc.Name, path.Ext(doc.Name))
	out := make([]string, len(chunks))
	for i, above := range outline.Of(pages, chunks) {
		out[i] = strings.Join(append([]string{name}, above...), "\n\n")
	}
	return out
}

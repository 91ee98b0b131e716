package ingest

import (
	"context"
	"fmt"
	"strings"

	"kakoi/core"
)

// maxPageBytes is the longest text of one page. A table repeats its header and its merged cells in every row, so without a limit
// a small file becomes a text of any size.
const maxPageBytes = 64 << 20

// Limits of documents of many pages, and of all that one reading unpacks.
const (
	maxTextOfPages = 128 << 20
	maxUnpacked    = 1 << 30
	maxPages       = 20_000
)

// budget is what one reading may still write, and whether it may go on. The first error stays; after it nothing is written.
type budget struct {
	ctx      context.Context // of the one Read this lives in
	left     int             // bytes
	unpacked int64           // bytes that came out of zip entries
	calls    int
	err      error
	found    []core.Finding // of the file being read; those of a file inside are numbered by its own pages until it is read
	keeper   *scanKeeper    // nil: nobody will draw the pages
}

// newBudget allows for a text as long as its source, should that be longer than a page.
func newBudget(ctx context.Context, source int) *budget {
	return &budget{ctx: ctx, left: max(maxPageBytes, source)}
}

// spend says whether n bytes more may be written.
func (q *budget) spend(n int) bool {
	if q.err == nil {
		if q.calls++; q.calls%64 == 0 {
			q.err = q.ctx.Err()
		}
		if q.left -= n; q.left < 0 && q.err == nil {
			q.err = fmt.Errorf("text of a page longer than %d bytes: %w", maxPageBytes, errBomb)
		}
	}
	return q.err == nil
}

// refund gives back what was spent on a text that is not kept.
func (q *budget) refund(n int) { q.left += n }

// squeeze makes one empty line of several: in formats with structure they say nothing.
func squeeze(q *budget, s string) string {
	var b strings.Builder
	b.Grow(len(s))
	first, empty, single := true, 0, ""
	for len(s) > 0 && q.spend(0) {
		end := strings.IndexByte(s, '\n')
		line := s
		if end >= 0 {
			line = s[:end+1]
		}
		s = s[len(line):]
		if !first && end >= 0 && strings.Trim(line, " \t\n\u00a0\u3000") == "" {
			empty, single = empty+1, line
			continue
		}
		switch {
		case empty == 1:
			b.WriteString(single)
		case empty > 1:
			b.WriteByte('\n')
		}
		b.WriteString(line)
		first, empty = false, 0
	}
	return b.String()
}

package dataset

import (
	"context"
	"fmt"
	"strings"

	"kakoi/core"
)

// readCSV reads comma, semicolon or tab separated text as spreadsheets write it (RFC 4180): fields in double quotes may hold
// separators, line ends and doubled quotes, which are kept byte for byte. A quote that is not closed spoils its own line, not the rest of the file.
func readCSV(ctx context.Context, text string) (kind string, names []string, lines []fields, err error) {
	p := csvReader{text: text, line: 1}
	// Excel names the separator in a line of its own.
	if rest, ok := strings.CutPrefix(text, "sep="); ok && len(rest) > 1 && strings.IndexByte("\r\n", rest[1]) >= 0 {
		p.comma, p.at = rune(rest[0]), len("sep=,")
	} else {
		p.comma = separatorOf(text)
	}
	kind = "csv"
	if p.comma == '\t' {
		kind = "tsv"
	}
	for p.at < len(p.text) {
		if len(lines)%1000 == 0 && ctx.Err() != nil {
			return kind, nil, nil, ctx.Err()
		}
		at, values, ok := p.record()
		if strings.TrimSpace(strings.Join(values, "")) == "" && ok {
			continue
		}
		if names == nil {
			if names, err = headerOf(values); err != nil {
				return kind, nil, nil, err
			}
			continue
		}
		lines = append(lines, fieldsOf(names, at, values, ok))
	}
	return kind, names, lines, nil
}

// headerOf checks the names of columns.
func headerOf(values []string) ([]string, error) {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = strings.TrimSpace(v)
	}
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	if len(names) < 2 || len(names) > maxColumns {
		return nil, core.Explain(fmt.Errorf("a first line of %d columns: %w", len(names), core.ErrUsage), "error.dataset.columns", shorten(strings.Join(names, ", ")))
	}
	for i, n := range names {
		names[i] = shorten(n)
	}
	return names, nil
}

func shorten(s string) string {
	if rs := []rune(s); len(rs) > maxHeaderChars {
		return string(rs[:maxHeaderChars]) + "…"
	}
	return s
}

// fieldsOf puts values to the names of their columns.
func fieldsOf(names []string, line int, values []string, closed bool) fields {
	f := fields{line: line, values: map[string][]string{}}
	if !closed {
		f.err = &Problem{Line: line, Key: "error.dataset.line.quote"}
		return f
	}
	for i, v := range values {
		if i < len(names) {
			f.values[names[i]] = []string{v}
		} else if strings.TrimSpace(v) != "" {
			f.err = &Problem{Line: line, Key: "error.dataset.line.fields", Args: []any{len(values), len(names)}}
			return f
		}
	}
	return f
}

// separatorOf is the separator that the first line has most of.
func separatorOf(text string) rune {
	first := text
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		first = text[:i]
	}
	best, most := ',', 0
	for _, c := range []rune{'\t', ',', ';'} {
		n, quoted := 0, false
		for _, r := range first {
			switch {
			case r == '"':
				quoted = !quoted
			case r == c && !quoted:
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	return best
}

type csvReader struct {
	text  string
	at    int // byte
	line  int // of at, from 1
	comma rune
}

// record reads one record and says on which line it begins. ok is false when a quote is not closed; then it is the one line.
func (p *csvReader) record() (line int, values []string, ok bool) {
	line = p.line
	start := p.at
	var b strings.Builder
	quoted := false
	for i := start; ; {
		if i >= len(p.text) {
			if quoted {
				break
			}
			p.at = len(p.text)
			return line, append(values, b.String()), true
		}
		c := p.text[i]
		switch {
		case quoted && c == '"' && i+1 < len(p.text) && p.text[i+1] == '"':
			b.WriteByte('"')
			i++
		case quoted && c == '"':
			quoted = false
		case quoted:
			if c == '\n' || c == '\r' && !strings.HasPrefix(p.text[i+1:], "\n") {
				p.line++
			}
			b.WriteByte(c)
		case c == '"' && strings.TrimSpace(b.String()) == "":
			b.Reset()
			quoted = true
		case rune(c) == p.comma:
			values = append(values, b.String())
			b.Reset()
		case c == '\n' || c == '\r':
			p.at = i + 1
			if strings.HasPrefix(p.text[i:], "\r\n") {
				p.at++
			}
			p.line++
			return line, append(values, b.String()), true
		default:
			b.WriteByte(c)
		}
		i++
	}
	// Not closed: the first line alone is lost.
	p.line = line + 1
	if end := strings.IndexAny(p.text[start:], "\r\n"); end >= 0 {
		p.at = start + end + 1
		if strings.HasPrefix(p.text[p.at-1:], "\r\n") {
			p.at++
		}
	} else {
		p.at = len(p.text)
	}
	return line, nil, false
}

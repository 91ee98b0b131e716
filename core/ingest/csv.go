package ingest

import (
	"strconv"
	"strings"
)

const maxQuoted = 64 << 10 // bytes of a quoted field: a quote that nobody closes is a letter

// csvText reads a table of text. The separator is the one that the first lines agree on.
func csvText(q *budget, text, kind string) (string, error) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(text, "\ufeff"))
	separator := byte('\t')
	if kind != "tsv" {
		separator = csvSeparator(text)
	}
	w := newSheetWriter(q, "")
	var cells []sheetCell
	for row := 0; text != "" && q.spend(0); row++ {
		cells = cells[:0]
		for column := 0; ; column++ {
			field, rest, more := csvField(text, separator)
			text = rest
			if field = strings.TrimSpace(field); field != "" && column < maxColumns {
				cells = append(cells, sheetCell{column: column, text: field, number: looksNumber(field)})
			}
			if !more {
				break
			}
		}
		w.row(row, cells)
	}
	return w.text(), q.err
}

// csvField takes one field off; more says that another one follows in the row.
func csvField(s string, separator byte) (field, rest string, more bool) {
	if strings.HasPrefix(s, `"`) {
		for at := 1; at < len(s) && at < maxQuoted; {
			i := strings.IndexByte(s[at:], '"')
			if i < 0 {
				break
			}
			at += i + 1
			switch {
			case at == len(s):
				return unquoteCSV(s[1 : at-1]), "", false
			case s[at] == separator:
				return unquoteCSV(s[1 : at-1]), s[at+1:], true
			case s[at] == '\n':
				return unquoteCSV(s[1 : at-1]), s[at+1:], false
			case s[at] == '"':
				at++
			}
		}
	}
	for i := range len(s) {
		switch s[i] {
		case separator:
			return s[:i], s[i+1:], true
		case '\n':
			return s[:i], s[i+1:], false
		}
	}
	return s, "", false
}

func unquoteCSV(s string) string { return strings.ReplaceAll(s, `""`, `"`) }

// csvSeparator is the one that splits most of the first lines into the same number of fields, more than one.
func csvSeparator(text string) byte {
	head := text[:min(len(text), 32<<10)]
	best, most := byte(','), 0
	for _, separator := range []byte(",\t;|") {
		counts := map[int]int{}
		for rest, lines := head, 0; rest != "" && lines < 50; lines++ {
			fields := 1
			for {
				_, after, more := csvField(rest, separator)
				rest = after
				if !more {
					break
				}
				fields++
			}
			if fields > 1 {
				counts[fields]++
			}
		}
		for fields, lines := range counts {
			if score := lines*1000 + min(fields, 100); score > most {
				best, most = separator, score
			}
		}
	}
	return best
}

// looksNumber tells amounts and dates from names.
func looksNumber(s string) bool {
	if _, err := strconv.ParseFloat(strings.ReplaceAll(strings.Trim(s, "¥\\$€%円 "), ",", ""), 64); err == nil {
		return true
	}
	digits := 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case !strings.ContainsRune("/-:. T年月日時分+", c):
			return false
		}
	}
	return digits > 2
}

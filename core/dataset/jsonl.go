package dataset

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// readJSON reads one object a line, or one array of objects. Values may be texts, numbers or lists of texts; a list of
// objects gives their field "text".
func readJSON(ctx context.Context, text string) (names []string, lines []fields, err error) {
	add := func(line int, raw json.RawMessage) {
		f := fields{line: line, values: map[string][]string{}}
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil || object == nil {
			f.err = &Problem{Line: line, Key: "error.dataset.line.json", Args: []any{jsonPlace(raw, err)}}
			lines = append(lines, f)
			return
		}
		var keys []string
		for k := range object {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			values, ok := textsOf(object[k])
			if !ok {
				continue // another sort of thing: no column of ours
			}
			f.values[k] = values
			if !slices.Contains(names, k) && len(names) < maxColumns {
				names = append(names, k)
			}
		}
		lines = append(lines, f)
	}
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		d := json.NewDecoder(strings.NewReader(text))
		if _, err := d.Token(); err == nil {
			for d.More() {
				if err := ctx.Err(); err != nil {
					return nil, nil, err
				}
				// What stands before an object are a comma and white space.
				at := int(d.InputOffset())
				at += len(text[at:]) - len(strings.TrimLeft(text[at:], ", \t\r\n"))
				line := 1 + strings.Count(text[:at], "\n")
				var raw json.RawMessage
				if err := d.Decode(&raw); err != nil {
					lines = append(lines, fields{line: line, err: &Problem{Line: line, Key: "error.dataset.line.json", Args: []any{around([]byte(text[at:]), 0)}}})
					break
				}
				add(line, raw)
			}
		}
		return names, lines, nil
	}
	n := 0
	for rest := text; rest != ""; {
		line := rest
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		n++
		if n%1000 == 0 && ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if line = strings.TrimSpace(line); line != "" {
			add(n, json.RawMessage(line))
		}
	}
	return names, lines, nil
}

// jsonPlace is the text around the place where a line stops being JSON: no words, so it is the same in every language.
func jsonPlace(raw []byte, err error) string {
	syntax, ok := err.(*json.SyntaxError)
	if !ok {
		return "{...}"
	}
	return around(raw, int(syntax.Offset))
}

// around is a little of a text before and behind a place, on one line.
func around(raw []byte, at int) string {
	const most = 16 // characters on either side
	at = max(0, min(at, len(raw)))
	before, after := []rune(string(raw[:at])), []rune(string(raw[at:min(len(raw), at+8*most)]))
	text := string(before[max(0, len(before)-most):]) + string(after[:min(len(after), most)])
	if len(before) > most {
		text = "…" + text
	}
	if len(after) > most {
		text += "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// textsOf reads a value of a column.
func textsOf(raw json.RawMessage) ([]string, bool) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return []string{s}, true
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		var out []string
		for _, one := range list {
			var o struct {
				Text string `json:"text"`
			}
			switch {
			case json.Unmarshal(one, &s) == nil:
				out = append(out, s)
			case json.Unmarshal(one, &o) == nil && o.Text != "":
				out = append(out, o.Text)
			default:
				return nil, false
			}
		}
		return out, true
	}
	switch t := strings.TrimSpace(string(raw)); {
	case t == "null":
		return []string{""}, true
	case strings.HasPrefix(t, "{"):
		return nil, false
	default:
		return []string{t}, true // a number, true, false
	}
}

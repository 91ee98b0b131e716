package ingest

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// numberFormat is a format code of a spreadsheet (ECMA-376 part 1, 18.8.31), with the era and weekday letters of Japanese ones. Fractions are
// shown as decimals and [DBNum] digits as Arabic ones: those are what people search for.
type numberFormat struct{ sections []formatSection }

type formatSection struct {
	parts     []formatPart
	condition string // "<", ">=" ...; "": by the sign
	bound     float64
	date      bool
	general   bool
	gannen    bool // the first year of an era is 元
}

// formatPart is a stretch of a code: letters of one kind, or text to be shown as it is.
type formatPart struct {
	kind byte // 'y', 'm', 'd', 'h', 's', 'g', 'e', 'a', 'p' (AM/PM), 'f' (fraction of seconds); '0', '#', '?', '.', ',', '%', 'E', '@'; 'H', 'M', 'S' elapsed; 't' text, 'i' minutes
	text string
}

const maxFormat = 1024 // bytes of a code; Excel allows 255 characters

func parseFormat(code string) *numberFormat {
	f := &numberFormat{}
	if len(code) > maxFormat {
		code = "General"
	}
	for _, s := range splitSections(code) {
		f.sections = append(f.sections, parseSection(s))
		if len(f.sections) == 4 {
			break
		}
	}
	return f
}

func splitSections(code string) []string {
	var out []string
	start, quoted, bracket := 0, false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case quoted:
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '\\' || c == '_' || c == '*':
			i++
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case c == ';' && !bracket:
			out = append(out, code[start:i])
			start = i + 1
		}
	}
	return append(out, code[start:])
}

func parseSection(s string) formatSection {
	var out formatSection
	add := func(kind byte, text string) {
		if n := len(out.parts); kind == 't' && n > 0 && out.parts[n-1].kind == 't' {
			out.parts[n-1].text += text
			return
		}
		out.parts = append(out.parts, formatPart{kind, text})
	}
	if strings.EqualFold(s, "general") || strings.EqualFold(s, "standard") || s == "G/標準" {
		out.general = true
		return out
	}
	for i := 0; i < len(s); {
		c := s[i]
		lower := c | 0x20
		switch {
		case c == '"':
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				end = len(s) - i - 1
			}
			add('t', s[i+1:i+1+end])
			i += min(end+2, len(s)-i)
		case c == '\\' || c == '_' || c == '*':
			_, n := utf8.DecodeRuneInString(s[i+1:])
			if c == '\\' {
				add('t', s[i+1:i+1+n])
			} else if c == '_' {
				add('t', " ")
			}
			i += 1 + n
		case c == '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				end = len(s) - i
			}
			out.bracket(s[i+1:i+end], add)
			i += min(end+1, len(s)-i)
		case len(s) >= i+5 && strings.EqualFold(s[i:i+5], "am/pm"):
			add('p', "AM/PM")
			out.date = true
			i += 5
		case len(s) >= i+3 && strings.EqualFold(s[i:i+3], "a/p"):
			add('p', "A/P")
			out.date = true
			i += 3
		case len(s) >= i+7 && strings.EqualFold(s[i:i+7], "general"):
			add('G', "")
			i += 7
		case (c == 'E' || c == 'e') && i+1 < len(s) && (s[i+1] == '+' || s[i+1] == '-') && out.digits():
			add('E', s[i:i+2])
			i += 2
		case strings.IndexByte("ymdhsgear", lower) >= 0 && (c|0x20) == lower && c >= 'A':
			n := 1
			for i+n < len(s) && s[i+n]|0x20 == lower {
				n++
			}
			if lower == 'r' { // as in ggee
				if n > 1 {
					add('g', "ggg")
				}
				add('e', "ee")
			} else {
				add(lower, s[i:i+n])
			}
			out.date = true
			i += n
		case strings.IndexByte("0#?.,%@", c) >= 0:
			if c == '.' && out.date && i+1 < len(s) && s[i+1] == '0' { // ss.00
				n := 1
				for i+n < len(s) && s[i+n] == '0' {
					n++
				}
				add('f', s[i:i+n])
				i += n
				continue
			}
			add(c, "")
			i++
		default:
			_, n := utf8.DecodeRuneInString(s[i:])
			add('t', s[i:i+n])
			i += n
		}
	}
	out.minutes()
	return out
}

func (s *formatSection) digits() bool {
	for _, p := range s.parts {
		if p.kind == '0' || p.kind == '#' || p.kind == '?' {
			return true
		}
	}
	return false
}

// bracket reads what stands in [ ]: elapsed time, a currency with its language, a condition; colours and the rest say nothing.
func (s *formatSection) bracket(in string, add func(byte, string)) {
	lower := strings.ToLower(in)
	switch {
	case lower != "" && strings.Trim(lower, "h") == "":
		add('H', lower)
		s.date = true
	case lower != "" && strings.Trim(lower, "m") == "":
		add('M', lower)
		s.date = true
	case lower != "" && strings.Trim(lower, "s") == "":
		add('S', lower)
		s.date = true
	case strings.HasPrefix(in, "$"):
		symbol, _, _ := strings.Cut(in[1:], "-")
		if symbol != "" {
			add('t', symbol)
		}
		s.gannen = s.gannen || strings.HasSuffix(lower, "x-gannen")
	case in != "" && strings.IndexByte("<>=", in[0]) >= 0:
		op := in[:1]
		if len(in) > 1 && strings.IndexByte("=>", in[1]) >= 0 {
			op = in[:2]
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(in[len(op):]), 64); err == nil {
			s.condition, s.bound = op, v
		}
	}
}

// minutes tells the m of minutes from that of months: it stands after hours or before seconds.
func (s *formatSection) minutes() {
	last := -1 // the date part before
	for i, p := range s.parts {
		if strings.IndexByte("ymdhsgeaHMSf", p.kind) < 0 {
			continue
		}
		switch {
		case p.kind == 'm' && last >= 0 && (s.parts[last].kind == 'h' || s.parts[last].kind == 'H') && len(p.text) < 3:
			s.parts[i].kind = 'i'
		case p.kind == 's' && last >= 0 && s.parts[last].kind == 'm' && len(s.parts[last].text) < 3:
			s.parts[last].kind = 'i'
		}
		last = i
	}
}

// pick is the section for a number; plain says that its sign has to be written.
func (f *numberFormat) pick(v float64) (s *formatSection, plain bool) {
	n := len(f.sections)
	if n > 3 {
		n = 3 // the fourth is for text
	}
	conditions := false
	for i := range f.sections[:n] {
		s := &f.sections[i]
		if s.condition == "" {
			continue
		}
		conditions = true
		var holds bool
		switch s.condition {
		case "<":
			holds = v < s.bound
		case "<=":
			holds = v <= s.bound
		case ">":
			holds = v > s.bound
		case ">=":
			holds = v >= s.bound
		case "=":
			holds = v == s.bound
		case "<>":
			holds = v != s.bound
		}
		if holds {
			return s, v < 0 && n == 1
		}
	}
	if conditions {
		return &f.sections[n-1], true
	}
	switch {
	case n > 2 && v == 0:
		return &f.sections[2], false
	case n > 1 && v < 0:
		return &f.sections[1], false
	}
	return &f.sections[0], true
}

// date says whether the format shows dates or times.
func (f *numberFormat) date() bool { return len(f.sections) > 0 && f.sections[0].date }

// show is a number as its cell shows it; from1904 says from when days are counted.
func (f *numberFormat) show(v float64, from1904 bool) string {
	if math.IsNaN(v) || math.IsInf(v, 0) || len(f.sections) == 0 {
		return general(v)
	}
	s, plain := f.pick(v)
	switch {
	case s.general:
		return general(v)
	case s.date:
		if v < 0 || v >= 2958466 && !s.elapsed() { // up to the year 9999
			return general(v)
		}
		return s.showDate(v, from1904)
	}
	out := s.showNumber(math.Abs(v))
	if v < 0 && plain && strings.ContainsAny(out, "123456789") {
		out = "-" + out
	}
	return out
}

// showText is text as its cell shows it.
func (f *numberFormat) showText(text string) string {
	var s *formatSection
	for i := range f.sections {
		for _, p := range f.sections[i].parts {
			if p.kind == '@' {
				s = &f.sections[i]
			}
		}
	}
	if s == nil {
		return text
	}
	var b strings.Builder
	for _, p := range s.parts {
		switch p.kind {
		case '@':
			b.WriteString(text)
		case 't':
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// builtinFormats are the codes behind numbers of formats that files do not spell out, as a Japanese Excel shows them (18.8.30).
var builtinFormats = map[int]string{
	0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: `"¥"#,##0;"¥"-#,##0`, 6: `"¥"#,##0;"¥"-#,##0`, 7: `"¥"#,##0.00;"¥"-#,##0.00`,
	8: `"¥"#,##0.00;"¥"-#,##0.00`, 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "General", 13: "General", 14: "yyyy/m/d", 15: "d-mmm-yy", 16: "d-mmm",
	17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy/m/d h:mm",
	27: "ge.m.d", 28: "ggge年m月d日", 29: "ggge年m月d日", 30: "m/d/yy", 31: "yyyy年m月d日", 32: "h時mm分", 33: "h時mm分ss秒", 34: "yyyy年m月", 35: "m月d日", 36: "ge.m.d",
	37: "#,##0;-#,##0", 38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00", 41: "#,##0;-#,##0;-", 42: `"¥"#,##0;-"¥"#,##0;"¥"-`, 43: "#,##0.00;-#,##0.00;-",
	44: `"¥"#,##0.00;-"¥"#,##0.00;"¥"-`, 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
	50: "ge.m.d", 51: "ggge年m月d日", 52: "yyyy年m月", 53: "m月d日", 54: "ggge年m月d日", 55: "yyyy年m月", 56: "m月d日", 57: "ge.m.d", 58: "ggge年m月d日",
}

// formats keeps the parsed codes of a workbook.
type formats struct {
	codes  map[int]string
	parsed map[int]*numberFormat
}

func (f *formats) set(id int, code string) {
	if f.codes == nil {
		f.codes = map[int]string{}
	}
	f.codes[id] = code
}

func (f *formats) get(id int) *numberFormat {
	if known := f.parsed[id]; known != nil {
		return known
	}
	code, ok := f.codes[id]
	if !ok {
		if code, ok = builtinFormats[id]; !ok {
			code = "General"
		}
	}
	if f.parsed == nil {
		f.parsed = map[int]*numberFormat{}
	}
	f.parsed[id] = parseFormat(code)
	return f.parsed[id]
}

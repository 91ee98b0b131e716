package ingest

import (
	"math"
	"strconv"
	"strings"
	"time"
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

// general is a number in as few digits as say the same.
func general(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-9 || a >= 1e15) {
		return strconv.FormatFloat(v, 'G', 6, 64)
	}
	s := strconv.FormatFloat(v, 'g', 15, 64)
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		v = f
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// showNumber lays the digits of v on the places of the code.
func (s *formatSection) showNumber(v float64) string {
	whole, decimals, point, grouped, exponent := 0, 0, false, false, -1
	percent, scale, pending := 0, 0, 0
	for i, p := range s.parts {
		switch p.kind {
		case '0', '#', '?':
			if exponent >= 0 {
				continue
			}
			if pending > 0 && !point {
				grouped = true
			}
			pending = 0
			if point {
				decimals++
			} else {
				whole++
			}
		case '.':
			point = true
			scale, pending = scale+pending, 0
		case ',':
			if whole > 0 {
				pending++
			}
		case '%':
			percent++
		case 'E':
			exponent = i
		}
	}
	scale += pending
	v *= math.Pow(100, float64(percent))
	v /= math.Pow(1000, float64(scale))
	power := 0
	if exponent >= 0 && v != 0 {
		power = int(math.Floor(math.Log10(v)))
		if whole > 1 {
			power -= ((power % whole) + whole) % whole
		}
		v /= math.Pow(10, float64(power))
	}
	digits := strconv.FormatFloat(round(v, min(decimals, 30)), 'f', min(decimals, 30), 64)
	left, right, _ := strings.Cut(digits, ".")
	if left == "0" {
		left = ""
	}
	var b strings.Builder
	place, shown := whole, 0
	put := func(at int) { // the digit that stands at places before the point
		b.WriteByte(left[len(left)-at])
		if grouped && at > 1 && at%3 == 1 {
			b.WriteByte(',')
		}
	}
	optional := strings.TrimRight(right, "0")
	past := false
	for i, p := range s.parts {
		switch p.kind {
		case 't':
			b.WriteString(p.text)
		case 'G':
			b.WriteString(general(v))
		case '%':
			b.WriteByte('%')
		case '0', '#', '?':
			if exponent >= 0 && i > exponent {
				continue
			}
			if past {
				if shown < len(right) && (p.kind == '0' || shown < len(optional)) {
					b.WriteByte(right[shown])
				}
				shown++
				continue
			}
			if place == whole {
				for at := len(left); at > whole; at-- {
					put(at)
				}
			}
			if place <= len(left) {
				put(place)
			} else if p.kind == '0' {
				b.WriteByte('0')
				if grouped && place > 1 && place%3 == 1 {
					b.WriteByte(',')
				}
			}
			place--
		case '.':
			if whole == 0 && left != "" {
				b.WriteString(left)
			}
			past = true
			if right != "" && (optional != "" || s.forced(i)) {
				b.WriteByte('.')
			}
		case 'E':
			sign := ""
			if power < 0 {
				sign = "-"
			} else if p.text[1] == '+' {
				sign = "+"
			}
			width := 0
			for _, q := range s.parts[i:] {
				if q.kind == '0' {
					width++
				}
			}
			n := strconv.Itoa(max(power, -power))
			b.WriteString("E" + sign + strings.Repeat("0", max(0, min(width, 9)-len(n))) + n)
		}
	}
	return strings.TrimSpace(b.String())
}

// forced says whether a decimal place after the point at i is always shown.
func (s *formatSection) forced(i int) bool {
	for _, p := range s.parts[i:] {
		if p.kind == '0' {
			return true
		}
	}
	return false
}

// round is v to some decimals, halves away from zero and with the digits that people see: 1.005 is 1.01.
func round(v float64, decimals int) float64 {
	p := math.Pow(10, float64(decimals))
	scaled := v * p
	if math.Abs(scaled) >= 1<<52 {
		return v
	}
	if exact, err := strconv.ParseFloat(strconv.FormatFloat(scaled, 'g', 15, 64), 64); err == nil {
		scaled = exact
	}
	return math.Floor(scaled+0.5) / p
}

func (s *formatSection) elapsed() bool {
	for _, p := range s.parts {
		if p.kind == 'H' || p.kind == 'M' || p.kind == 'S' {
			return true
		}
	}
	return false
}

// serialTime is the moment of a serial number, in no particular place; the year 1900 has a 29 February in them.
func serialTime(v float64, from1904 bool, unit time.Duration) time.Time {
	days := math.Floor(v)
	rest := time.Duration(math.Round((v-days)*float64(24*time.Hour)/float64(unit))) * unit
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case from1904:
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case v < 60:
		days++
	}
	return epoch.AddDate(0, 0, int(days)).Add(rest)
}

var eras = []struct {
	from         time.Time
	letter, name string
	year         int // before the first
}{
	{time.Date(2019, 5, 1, 0, 0, 0, 0, time.UTC), "R", "令和", 2018},
	{time.Date(1989, 1, 8, 0, 0, 0, 0, time.UTC), "H", "平成", 1988},
	{time.Date(1926, 12, 25, 0, 0, 0, 0, time.UTC), "S", "昭和", 1925},
	{time.Date(1912, 7, 30, 0, 0, 0, 0, time.UTC), "T", "大正", 1911},
	{time.Date(1868, 1, 1, 0, 0, 0, 0, time.UTC), "M", "明治", 1867},
}

const weekdays = "日月火水木金土"

func (s *formatSection) showDate(v float64, from1904 bool) string {
	unit, clock12, decimals := time.Second, false, 0
	for _, p := range s.parts {
		switch p.kind {
		case 'f':
			decimals = min(len(p.text)-1, 3)
			unit = time.Second
			for range decimals {
				unit /= 10
			}
		case 'p':
			clock12 = true
		}
	}
	t := serialTime(v, from1904, unit)
	var b strings.Builder
	number := func(n, width int) {
		digits := strconv.Itoa(n)
		b.WriteString(strings.Repeat("0", max(0, min(width, 20)-len(digits))) + digits)
	}
	era := eras[0]
	for _, e := range eras {
		if era = e; !t.Before(e.from) {
			break
		}
	}
	whole := int64(math.Round(v * 86400))
	for _, p := range s.parts {
		n := len(p.text)
		switch p.kind {
		case 't':
			b.WriteString(p.text)
		case 'y':
			if n <= 2 {
				number(t.Year()%100, 2)
			} else {
				number(t.Year(), 4)
			}
		case 'm':
			switch {
			case n == 3:
				b.WriteString(t.Month().String()[:3])
			case n == 4:
				b.WriteString(t.Month().String())
			case n > 4:
				b.WriteString(t.Month().String()[:1])
			default:
				number(int(t.Month()), n)
			}
		case 'd':
			switch {
			case n == 3:
				b.WriteString(t.Weekday().String()[:3])
			case n > 3:
				b.WriteString(t.Weekday().String())
			default:
				number(t.Day(), n)
			}
		case 'a':
			day := string([]rune(weekdays)[t.Weekday()])
			switch {
			case n == 3:
				b.WriteString(day)
			case n > 3:
				b.WriteString(day + "曜日")
			default:
				b.WriteString(p.text)
			}
		case 'g':
			switch {
			case n == 1:
				b.WriteString(era.letter)
			case n == 2:
				b.WriteString(string([]rune(era.name)[:1]))
			default:
				b.WriteString(era.name)
			}
		case 'e':
			if year := t.Year() - era.year; s.gannen && year == 1 {
				b.WriteString("元")
			} else {
				number(year, min(n, 2))
			}
		case 'h':
			hour := t.Hour()
			if clock12 {
				hour = (hour+11)%12 + 1
			}
			number(hour, min(n, 2))
		case 'i':
			number(t.Minute(), min(n, 2))
		case 's':
			number(t.Second(), min(n, 2))
		case 'f':
			if decimals > 0 {
				b.WriteByte('.')
				number(t.Nanosecond()/int(unit), decimals)
			}
		case 'p':
			mark := "AM"
			if t.Hour() >= 12 {
				mark = "PM"
			}
			b.WriteString(mark[:min(2, (len(p.text)+1)/2)])
		case 'H':
			number(int(whole/3600), n)
		case 'M':
			number(int(whole/60), n)
		case 'S':
			number(int(whole), n)
		case '.', ',':
			b.WriteByte(p.kind)
		case '0', '#', '?':
		}
	}
	return strings.TrimSpace(b.String())
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

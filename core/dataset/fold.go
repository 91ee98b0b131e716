package dataset

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// fold is a text without what may differ between two writings of the same: widths, case, white space, thousands separators, kanji
// numbers.
func fold(s string) string {
	rs := []rune(strings.ToLower(norm.NFKC.String(s)))
	var b strings.Builder
	for i := 0; i < len(rs); i++ {
		switch r := rs[i]; {
		case unicode.IsSpace(r):
		case r == ',' && i > 0 && i+3 < len(rs) && digit(rs[i-1]) && digit(rs[i+1]) && digit(rs[i+2]) && digit(rs[i+3]):
		case isNumeral(r) || digit(r):
			n, text := numberAt(rs[i:])
			b.WriteString(text)
			i += n - 1
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func digit(r rune) bool { return '0' <= r && r <= '9' }

func isNumeral(r rune) bool {
	return strings.ContainsRune("〇一二三四五六七八九十百千", r)
}

// numberAt reads the number that rs begins with, in digits ("1,200", "3.5"), in kanji ("百五十", "二〇二五") or both ("1万2千"), and gives it
// in digits. n is its length in rs.
func numberAt(rs []rune) (n int, text string) {
	var total, section int64 // total of 万 and 億, the number below them
	var part strings.Builder // digits that are being read
	mixed := false           // units were read
	flush := func(unit int64) {
		v := int64(1)
		if part.Len() > 0 {
			v, _ = strconv.ParseInt(part.String(), 10, 64)
		}
		section += v * unit
		part.Reset()
		mixed = true
	}
	for n < len(rs) {
		r := rs[n]
		d := strings.IndexRune("〇一二三四五六七八九", r)
		switch {
		case digit(r):
			part.WriteRune(r)
		case d >= 0:
			part.WriteByte(byte('0' + d/len("〇")))
		case r == ',' && n > 0 && n+3 < len(rs) && digit(rs[n-1]) && digit(rs[n+1]) && digit(rs[n+2]) && digit(rs[n+3]):
		case r == '十':
			flush(10)
		case r == '百':
			flush(100)
		case r == '千':
			flush(1000)
		case (r == '万' || r == '億') && (part.Len() > 0 || section > 0):
			if part.Len() > 0 {
				flush(1)
			}
			if r == '万' {
				total += section * 1e4
			} else {
				total += section * 1e8
			}
			section, mixed = 0, true
		default:
			goto end
		}
		if n++; part.Len() > 15 {
			break // no number that anybody counts with
		}
	}
end:
	if !mixed {
		return n, part.String()
	}
	if part.Len() > 0 {
		v, _ := strconv.ParseInt(part.String(), 10, 64)
		section += v
	}
	return n, strconv.FormatInt(total+section, 10)
}

// Holds says whether a text has an answer in it, however numbers and widths are written. A number is no part of a longer
// one.
func Holds(text, answer string) bool { return holdsFolded(fold(text), fold(bareAnswer(answer))) }

func holdsFolded(text, answer string) bool {
	if answer == "" {
		return false
	}
	rs := []rune(answer)
	first, last := rs[0], rs[len(rs)-1]
	for from := 0; ; {
		at := strings.Index(text[from:], answer)
		if at < 0 {
			return false
		}
		at += from
		before, after := lastRune(text[:at]), firstRune(text[at+len(answer):])
		if !continues(before, first) && !continues(last, after) {
			return true
		}
		from = at + len(string(first))
	}
}

// continues says whether two neighbours belong to one number. White space is folded away, so a letter after a letter says nothing.
func continues(a, b rune) bool { return digit(a) && digit(b) }

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

func lastRune(s string) rune {
	var last rune
	for _, r := range s[max(0, len(s)-4):] {
		last = r
	}
	return last
}

// bareAnswer is an answer without the politeness and the stop at its end.
func bareAnswer(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), "。．.!！")
	for _, end := range []string{"です", "でした", "だ", "である"} {
		if cut, ok := strings.CutSuffix(s, end); ok && cut != "" {
			return cut
		}
	}
	return s
}

// Package era reads years of the Japanese calendar: 令和7年 is 2025. It may import nothing of Kakoi.
package era

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Era is the time of one emperor since the calendar of the West is used in Japan beside it.
type Era struct {
	From         time.Time
	Letter, Name string
	Latin        string
	Before       int // the Western year before the first
}

// Eras are all of them, the present one first.
var Eras = []Era{
	{time.Date(2019, 5, 1, 0, 0, 0, 0, time.UTC), "R", "令和", "Reiwa", 2018},
	{time.Date(1989, 1, 8, 0, 0, 0, 0, time.UTC), "H", "平成", "Heisei", 1988},
	{time.Date(1926, 12, 25, 0, 0, 0, 0, time.UTC), "S", "昭和", "Showa", 1925},
	{time.Date(1912, 7, 30, 0, 0, 0, 0, time.UTC), "T", "大正", "Taisho", 1911},
	{time.Date(1868, 1, 1, 0, 0, 0, 0, time.UTC), "M", "明治", "Meiji", 1867},
}

// Year is a year that a text names.
type Year struct {
	Start, End int // in bytes of the text
	Western    int
	Japanese   bool // by the Japanese calendar
}

// last is the last Western year that a number of four digits is taken for.
const last = 2199

var years = regexp.MustCompile(`(令和|平成|昭和|大正|明治)[ 　]?(元|[0-9０-９]{1,2}|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])[ 　]?年` +
	`|\b(?i:(Reiwa|Heisei|Showa|Taisho|Meiji))\s([0-9]{1,2})\b` +
	`|\b([RHS])([0-9]{1,2})(?:年|\.[0-9]{1,2}\.[0-9]{1,2}\b)` +
	`|[0-9０-９]+(年)?`)

// Years are the years of a text, in its order: "令和7年", "平成元年", "昭和六十三年", "Reiwa 7", "R7年", "R7.11.28" (of which it is "R7"), and "2025年" or "2025".
func Years(text string) []Year {
	var out []Year
	for _, m := range years.FindAllStringSubmatchIndex(text, -1) {
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		y := Year{Start: m[0], End: m[1], Japanese: true}
		switch {
		case part(1) != "":
			y.Western = western(part(1), part(2))
		case part(3) != "":
			y.Western = western(part(3), part(4))
		case part(5) != "":
			y.Western = western(part(5), part(6))
			if !strings.HasSuffix(text[:y.End], "年") {
				y.End = m[2*6+1] // month and day follow
			}
		default:
			digits := norm.NFKC.String(strings.TrimSuffix(text[m[0]:m[1]], "年"))
			n, err := strconv.Atoi(digits)
			if err != nil || len(digits) != 4 || n <= Eras[len(Eras)-1].Before || n > last {
				continue
			}
			y.Western, y.Japanese = n, false
		}
		if y.Western > 0 {
			out = append(out, y)
		}
	}
	return out
}

// western is the n-th year of an era; 0: there is none.
func western(name, n string) int {
	year := number(n)
	if year == 0 {
		return 0
	}
	for _, e := range Eras {
		if e.Name == name || e.Letter == name || strings.EqualFold(e.Latin, name) {
			return e.Before + year
		}
	}
	return 0
}

// number is a year's number as years finds it: in figures or in kanji (元, 七, 十二, 六十三).
func number(s string) int {
	if s == "元" {
		return 1
	}
	if n, err := strconv.Atoi(norm.NFKC.String(s)); err == nil {
		return n
	}
	n := 0
	for _, r := range s {
		if r == '十' {
			n = 10 * max(1, n)
		} else {
			n += strings.IndexRune("〇一二三四五六七八九", r) / len("〇")
		}
	}
	return n
}

package ingest

import (
	"math"
	"strconv"
	"strings"
	"time"

	"kakoi/core/era"
)

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
	in := era.Eras[0]
	for _, e := range era.Eras {
		if in = e; !t.Before(e.From) {
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
				b.WriteString(in.Letter)
			case n == 2:
				b.WriteString(string([]rune(in.Name)[:1]))
			default:
				b.WriteString(in.Name)
			}
		case 'e':
			if year := t.Year() - in.Before; s.gannen && year == 1 {
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

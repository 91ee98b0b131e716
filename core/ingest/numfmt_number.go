package ingest

import (
	"math"
	"strconv"
	"strings"
)

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

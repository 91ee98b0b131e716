package widget

import (
	"unicode"

	"fyne.io/fyne/v2"
)

// Ruler measures texts in one size and remembers the widths, since a transcript asks for the same words again and again. It
// belongs to the window's goroutine, like the widgets that share it.
type Ruler struct {
	Size   float32
	normal map[string]float32
	bold   map[string]float32
	line   float32
}

// rulerWords bounds what a Ruler remembers; it starts anew beyond.
const rulerWords = 20_000

// NewRuler makes a Ruler for texts of a size.
func NewRuler(size float32) *Ruler {
	r := &Ruler{Size: size, normal: map[string]float32{}, bold: map[string]float32{}}
	r.line = fyne.MeasureText("あg", size, fyne.TextStyle{}).Height
	return r
}

// Width is the width of a text without line ends.
func (r *Ruler) Width(text string, bold bool) float32 {
	known := r.normal
	if bold {
		known = r.bold
	}
	if w, ok := known[text]; ok {
		return w
	}
	w := fyne.MeasureText(text, r.Size, fyne.TextStyle{Bold: bold}).Width
	if len(known) > rulerWords {
		clear(known)
	}
	known[text] = w
	return w
}

// Line is the height of a line.
func (r *Ruler) Line() float32 { return r.line }

// Lines counts the lines that a text takes in a width, up to most.
func (r *Ruler) Lines(text string, width float32, most int) int {
	rs := []rune(text)
	if len(rs) > 4000 {
		return most
	}
	return min(most, len(wrap(rs, width, func(start, end int) float32 { return r.Width(string(rs[start:end]), false) })))
}

// Characters that begin no line and end none in Japanese (the usual part of JIS X 4051), and those that belong to a word.
const (
	notFirst = "、。，．・：；？！!?,.:;ー～〜…‥」』）】〕》〉］｝)]}”’％%℃ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ々ゝゞヽヾ"
	notLast  = "「『（【〔《〈［｛([{“‘¥￥＄$"
)

func oneOf(r rune, set string) bool {
	for _, s := range set {
		if r == s {
			return true
		}
	}
	return false
}

// alone says whether a line may break on both sides of a character: that of a script without spaces.
func alone(r rune) bool {
	return r >= 0x2e80 && (unicode.Is(unicode.Han, r) || unicode.Is(unicode.Hiragana, r) || unicode.Is(unicode.Katakana, r) || r >= 0x3000 && r <= 0x30ff || r >= 0xff00 && r <= 0xffef)
}

// maxUnit bounds how many characters stay together; a longer row of marks may break anywhere.
const maxUnit = 40

// unit is the end of the shortest stretch from start on that a line break must not part, without the spaces after it.
func unit(rs []rune, start int) int {
	i := start
	for i < len(rs) && i-start < maxUnit && oneOf(rs[i], notLast) {
		i++
	}
	switch {
	case i == len(rs) || rs[i] == '\n' || unicode.IsSpace(rs[i]):
	case alone(rs[i]):
		i++
	default:
		for i < len(rs) && i-start < maxUnit && !alone(rs[i]) && !unicode.IsSpace(rs[i]) && !oneOf(rs[i], notLast) {
			i++
		}
	}
	for i < len(rs) && i-start < maxUnit && oneOf(rs[i], notFirst) {
		i++
	}
	return max(i, start+1)
}

// span is a line: its characters, without the line end or the space at which it was broken.
type span struct{ start, end int }

// wrap parts a text into lines of a width. measure gives the width of a stretch without line ends.
func wrap(rs []rune, width float32, measure func(start, end int) float32) []span {
	var lines []span
	start, i := 0, 0
	x := float32(0)
	for i < len(rs) {
		if rs[i] == '\n' {
			lines = append(lines, span{start, i})
			i++
			start, x = i, 0
			continue
		}
		if unicode.IsSpace(rs[i]) && rs[i] != 0x3000 {
			x += measure(i, i+1) // may stand over the edge
			i++
			continue
		}
		end := unit(rs, i)
		w := measure(i, end)
		if x+w > width && i > start {
			lines = append(lines, span{start, trimmed(rs, start, i)})
			start, x = i, 0
		}
		if x+w <= width || end-i == 1 {
			x += w
			i = end
			continue
		}
		// Wider than a line: broken where it is full.
		for i < end {
			c := measure(i, i+1)
			if x+c > width && i > start {
				lines = append(lines, span{start, i})
				start, x = i, 0
			}
			x += c
			i++
		}
	}
	return append(lines, span{start, len(rs)})
}

func trimmed(rs []rune, start, end int) int {
	for end > start && unicode.IsSpace(rs[end-1]) {
		end--
	}
	return end
}

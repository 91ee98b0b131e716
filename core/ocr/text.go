package ocr

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is a row of Tesseract's TSV output.
type word struct {
	block, paragraph, line   int
	left, top, width, height int
	confidence               float64
	text                     string
}

// fewConfidence is what a line must have to be text: below it Tesseract reads letters into pictures and stains.
const fewConfidence = 25

// words reads the TSV output. Rows that are no words, or damaged, are passed over.
func words(tsv []byte) []word {
	var out []word
	for row := range bytes.SplitSeq(tsv, []byte("\n")) {
		cells := strings.Split(strings.TrimRight(string(row), "\r"), "\t")
		if len(cells) != 12 || cells[0] != "5" || strings.TrimSpace(cells[11]) == "" || !utf8.ValidString(cells[11]) {
			continue
		}
		var n [11]float64
		sound := true
		for i := range n {
			v, err := strconv.ParseFloat(cells[i], 64)
			n[i], sound = v, sound && err == nil && math.Abs(v) < 1e9 // NaN is not
		}
		if !sound || n[10] < 0 {
			continue
		}
		out = append(out, word{
			block: int(n[2]), paragraph: int(n[3]), line: int(n[4]), left: int(n[6]), top: int(n[7]), width: int(n[8]), height: int(n[9]),
			confidence: min(n[10], 100), text: strings.Map(visible, strings.TrimSpace(cells[11])),
		})
	}
	return out
}

func visible(c rune) rune {
	if unicode.IsControl(c) || c == utf8.RuneError {
		return -1
	}
	return c
}

// compose puts words together to a text, with the mean confidence over its letters.
func compose(all []word) (text string, confidence int) {
	var b strings.Builder
	letters, sum := 0, 0.0
	var before word
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].block == all[0].block && all[n].paragraph == all[0].paragraph && all[n].line == all[0].line {
			n++
		}
		line := all[:n]
		all = all[n:]
		many, total := 0, 0.0
		for _, w := range line {
			k := utf8.RuneCountInString(w.text)
			many, total = many+k, total+w.confidence*float64(k)
		}
		if many == 0 || total/float64(many) < fewConfidence {
			continue
		}
		letters, sum = letters+many, sum+total
		if b.Len() > 0 {
			b.WriteByte('\n')
			if before.block != line[0].block {
				b.WriteByte('\n')
			}
		}
		size := 0 // of a letter: the largest word is at least one letter wide and high
		for _, w := range line {
			size = max(size, min(w.width, w.height))
		}
		for i, w := range line {
			if i > 0 && apart(line[i-1], w, size) {
				b.WriteByte(' ')
			}
			b.WriteString(w.text)
		}
		before = line[0]
	}
	if letters == 0 {
		return "", 0
	}
	return b.String(), int(sum/float64(letters) + 0.5)
}

// apart says whether a space stands between two words of a line: always between words of Latin letters; beside Japanese ones only a gap of one
// and a half letters is one, since Tesseract cuts Japanese into words that nobody wrote apart. size is that of a letter.
func apart(l, r word, size int) bool {
	last, _ := utf8.DecodeLastRuneInString(l.text)
	first, _ := utf8.DecodeRuneInString(r.text)
	if !unspaced(last) && !unspaced(first) {
		return true
	}
	if strings.ContainsRune("、。，．」』）", first) || strings.ContainsRune("「『（", last) {
		return false
	}
	side, below := r.left-(l.left+l.width), r.top-(l.top+l.height)
	return max(side, below)*2 > size*3
}

// unspaced says whether c is written without spaces: kana, kanji, full-width signs.
func unspaced(c rune) bool {
	return c >= 0x2e80 && c <= 0x9fff || c >= 0xf900 && c <= 0xfaff || c >= 0xff01 && c <= 0xffef || c >= 0x20000 && c <= 0x3ffff
}

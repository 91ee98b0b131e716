package ingest

import (
	"strings"
	"unicode"

	"golang.org/x/text/encoding/japanese"
)

// sampleBytes is how much of a file the guesses look at; the whole is decoded after.
const sampleBytes = 64 << 10

// guessUTF16 finds UTF-16 without a mark: of both byte orders, the one whose characters are those that documents are
// written in. Random bytes spread over all 65,536 units, of which those are a third.
func guessUTF16(data []byte) (text, charset string) {
	if len(data) < 4 || len(data)%2 != 0 {
		return "", ""
	}
	sample := data[:min(len(data), sampleBytes)]
	le, be := wideScore(decodeWith(utf16LE, sample)), wideScore(decodeWith(utf16BE, sample))
	switch {
	case le >= 0.7 && le > be:
		return decodeWith(utf16LE, data), "utf-16le"
	case be >= 0.7 && be > le:
		return decodeWith(utf16BE, data), "utf-16be"
	}
	return "", ""
}

// wideScore is 1 for text in ASCII and kana, somewhat less with kanji, and falls quickly with everything else.
func wideScore(s string) float64 {
	points, n := 0.0, 0
	for _, c := range s {
		n++
		switch {
		case c == '\t' || c == '\n' || c == '\r' || c >= ' ' && c < 0x7f, kana(c), fullPunctuation(c):
			points++
		case common(c):
			points += 0.9
		case unicode.Is(unicode.Han, c):
			points += 0.3
		case c >= 0xa0 && c < 0x500, c >= 0x2010 && c < 0x27c0, c >= 0xff00 && c < 0xfff0:
			points += 0.5
		default:
			points -= 2
		}
	}
	if n == 0 {
		return 0
	}
	return points / float64(n)
}

// guessJapanese tries Shift_JIS and EUC-JP and takes the one that decodes and reads more like Japanese.
func guessJapanese(data []byte) (text, charset string) {
	best := 0.0
	sjis, euc := decodeWith(japanese.ShiftJIS, data), decodeWith(japanese.EUCJP, data)
	// x/text has no code for the user-defined characters of Windows (F040..F9FC): a few lost ones are accepted.
	if lost := strings.Count(sjis, "\ufffd"); lost*200 <= len(data) {
		if score := japaneseScore(sjis); score > best {
			best, text, charset = score, sjis, "shift_jis"
		}
	}
	if !strings.Contains(euc, "\ufffd") {
		if score := japaneseScore(euc); score > best {
			text, charset = euc, "euc-jp"
		}
	}
	return text, charset
}

// japaneseScore averages over the characters beyond ASCII; at or below 0 the text is not Japanese.
// Half-width katakana count little: a run of them is what EUC-JP looks like when read as Shift_JIS.
func japaneseScore(s string) float64 {
	points, n, run := 0.0, 0, 0
	for _, c := range s {
		if c < 0x80 {
			if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
				points -= 4
			}
			run = 0
			continue
		}
		n++
		half := c >= 0xff61 && c <= 0xff9f
		switch {
		case half:
			run++
			if run >= 3 { // a real word in half-width letters
				points += 0.3
			} else {
				points -= 0.7
			}
		case c >= 0x3041 && c <= 0x3096:
			points += 2
		case kana(c), fullPunctuation(c):
			points += 1.5
		case common(c):
			points += 1
		case unicode.Is(unicode.Han, c):
			points -= 0.3
		case c >= 0xff01 && c <= 0xff5e, c >= 0x2010 && c <= 0x33ff:
			points += 0.5
		default:
			points--
		}
		if !half {
			run = 0
		}
	}
	if n == 0 {
		return 0
	}
	return points / float64(n)
}

func kana(c rune) bool { return c >= 0x3041 && c <= 0x30fe }

func fullPunctuation(c rune) bool {
	return c >= 0x3000 && c <= 0x3015 || c == '！' || c == '？' || c == '（' || c == '）'
}

// common says whether c is a kanji of JIS level 1, the 2,965 of everyday writing: in Shift_JIS their lead bytes end
// before 0x98, its second half starts level 2.
func common(c rune) bool {
	if !unicode.Is(unicode.Han, c) {
		return false
	}
	return levelOne[c]
}

var levelOne = func() map[rune]bool {
	var raw []byte
	for lead := byte(0x88); lead <= 0x98; lead++ {
		for trail := 0x40; trail <= 0xfc; trail++ {
			if trail == 0x7f || lead == 0x88 && trail < 0x9f || lead == 0x98 && trail > 0x72 {
				continue
			}
			raw = append(raw, lead, byte(trail))
		}
	}
	set := make(map[rune]bool, 3000)
	for _, c := range decodeWith(japanese.ShiftJIS, raw) {
		set[c] = true
	}
	return set
}()

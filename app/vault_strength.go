package app

import (
	"math"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Words for how hard a passphrase is to guess.
const (
	StrengthWeak   = "weak"   // falls to whoever has the disk and a night
	StrengthFair   = "fair"   // to whoever has many machines
	StrengthGood   = "good"   //
	StrengthStrong = "strong" //
)

// VaultStrength guesses from above how hard a passphrase is to guess, in bits: letters by the alphabets they are of, runs, repeats, sequences and the words that everybody takes counted as next to
// nothing. It knows no dictionary: three words of a song count for more than they are worth. It is a hint, and refuses nothing.
func VaultStrength(pass []byte) (bits float64, word string) {
	text := []rune(strings.TrimSpace(norm.NFKC.String(string(pass))))
	folded := strings.ToLower(string(text))
	common := []string{"password", "passphrase", "qwerty", "asdf", "letmein", "welcome", "kakoi", "admin", "iloveyou", "monkey", "dragon", "パスワード", "あいうえお", "囲い"}
	for _, c := range common {
		if i := strings.Index(folded, c); i >= 0 {
			folded = folded[:i] + "\x00" + folded[i+len(c):]
			bits += 4
		}
	}
	var before []rune
	seen := map[string]bool{}
	for _, r := range folded {
		if r == 0 {
			before = nil
			continue
		}
		worth := math.Log2(alphabet(r))
		if n := len(before); n > 0 && (r == before[n-1] || r == before[n-1]+1 || r == before[n-1]-1) {
			worth = 1
		}
		before = append(before, r)
		if n := len(before); n >= 3 {
			three := string(before[n-3:])
			if seen[three] {
				worth = min(worth, 0.5)
			}
			seen[three] = true
		}
		bits += worth
	}
	upper := 0
	for _, r := range text {
		if unicode.IsUpper(r) {
			upper++
		}
	}
	bits += min(float64(upper), 4)
	switch {
	case bits < 36:
		word = StrengthWeak
	case bits < 56:
		word = StrengthFair
	case bits < 80:
		word = StrengthGood
	default:
		word = StrengthStrong
	}
	return bits, word
}

// alphabet is how many letters a letter could as well have been, as texts have them: of prose a letter has about half of what a random one has.
func alphabet(r rune) float64 {
	switch {
	case unicode.IsDigit(r):
		return 10
	case r == ' ':
		return 2
	case r < 0x80 && unicode.IsLetter(r):
		return 8
	case unicode.In(r, unicode.Hiragana, unicode.Katakana):
		return 16
	case unicode.In(r, unicode.Han):
		return 128
	case unicode.IsLetter(r):
		return 16
	}
	return 24
}

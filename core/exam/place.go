package exam

// samePlace is the share of the shorter of two stretches of text that both have in one piece, from which they are one place: a citation
// may be a sentence of the passage an answer was taken from, or reach a little over its edge.
const samePlace = 0.6

// SamePlace says whether a cited stretch is the one an answer is known to stand in.
func SamePlace(cited, known string) bool {
	a, b := []rune(Fold(cited)), []rune(Fold(known))
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	longest, row := 0, make([]int, len(b)+1)
	for _, x := range a {
		for j := len(b); j > 0; j-- {
			if x != b[j-1] {
				row[j] = 0
				continue
			}
			row[j] = row[j-1] + 1
			longest = max(longest, row[j])
		}
	}
	return float64(longest) >= samePlace*float64(min(len(a), len(b)))
}

package neox

import "slices"

// Prompt-lookup decoding (Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding): answers from documents copy
// from the prompt, so what followed the last few tokens when they occurred before is a good guess of what follows
// now. The model checks a whole guess in one step. Every guessed token is sampled for with the row's own random
// number as if it came alone, and guesses are kept while they are what was sampled: the answer is the one of plain
// decoding, greedy or not, whatever was guessed.

// longestMatch is how far back a match is followed; more tells no more.
const longestMatch = 16

// draft guesses up to most tokens that follow ids: those after the latest of the longest earlier occurrences of its
// last tokens. match is how many tokens agree there, 0 when the last token never stood before. A source that ends
// with ids itself goes on with the guess: text that repeats repeats on.
func draft(ids []int32, most int) (guess []int32, match int) {
	n := len(ids)
	if n < 2 || most < 1 {
		return nil, 0
	}
	at := -1 // the last token's earlier place
	for i := n - 2; i >= 0; i-- {
		if ids[i] != ids[n-1] {
			continue
		}
		same := 1
		for same < longestMatch && same <= i && ids[i-same] == ids[n-1-same] {
			same++
		}
		if same > match {
			at, match = i, same
			if match == longestMatch {
				break
			}
		}
	}
	if at < 0 {
		return nil, 0
	}
	guess = make([]int32, 0, most)
	for k := at + 1; len(guess) < most; k++ {
		if k < n {
			guess = append(guess, ids[k])
		} else {
			guess = append(guess, guess[k-n])
		}
	}
	return guess, match
}

// belief is how often a guessed token was right, by how many tokens before it agreed.
type belief [6]float64

// newBelief is what extractive answers show before anything is known of the model.
func newBelief() belief { return belief{0.25, 0.45, 0.6, 0.75, 0.85, 0.95} }

func beliefClass(match int) int {
	switch {
	case match <= 3:
		return max(0, match-1)
	case match < 8:
		return 3
	case match < longestMatch:
		return 4
	}
	return 5
}

// of is the chance of a guess after match agreeing tokens.
func (b *belief) of(match int) float64 { return b[beliefClass(match)] }

// learn moves the belief by one outcome.
func (b *belief) learn(match int, right bool) {
	const step = 0.08
	p := &b[beliefClass(match)]
	if right {
		*p += step * (1 - *p)
	} else {
		*p -= step * *p
	}
	*p = min(0.98, max(0.02, *p))
}

// costs is the measured time of a step by its number of lanes.
type costs struct {
	at   []float64 // seconds; 0: not known
	when []int     // the step of the last measurement
	step int
}

func newCosts(lanes int) *costs {
	return &costs{at: make([]float64, lanes+1), when: make([]int, lanes+1)}
}

const (
	costSlope  = 0.03 // a lane more, as long as nothing is measured: steps are bound by reading the weights
	costMemory = 400  // steps after which a measurement is tried anew: something else may have slowed it down
)

// add records a step of n lanes.
func (c *costs) add(n int, seconds float64) {
	if n < 1 || n >= len(c.at) || seconds <= 0 {
		return
	}
	c.step++
	if !c.known(n) {
		c.at[n] = seconds
	} else {
		c.at[n] += 0.25 * (min(seconds, 3*c.at[n]) - c.at[n])
	}
	c.when[n] = c.step
}

func (c *costs) known(n int) bool { return c.at[n] > 0 && c.step-c.when[n] < costMemory }

// of is the expected time of n lanes; between and beyond measurements it is a straight line.
func (c *costs) of(n int) float64 {
	if c.known(n) {
		return c.at[n]
	}
	below, above := n-1, n+1
	for below > 0 && !c.known(below) {
		below--
	}
	for above < len(c.at) && !c.known(above) {
		above++
	}
	switch hasAbove := above < len(c.at); {
	case below > 0 && hasAbove:
		return c.at[below] + (c.at[above]-c.at[below])*float64(n-below)/float64(above-below)
	case below > 0:
		return c.at[below] * (1 + costSlope*float64(n-below))
	case hasAbove:
		return c.at[above] / (1 + costSlope*float64(above-n))
	}
	return 1 + costSlope*float64(n-1)
}

// plan says how many of each row's guesses to check: chances[r][k] is the chance that row r's guesses 0..k are all
// right. It maximises the expected tokens per second of one step of at most lanes lanes.
func plan(chances [][]float64, c *costs, lanes int) []int {
	type candidate struct {
		row int
		p   float64
	}
	var all []candidate
	for r, ps := range chances {
		for _, p := range ps {
			all = append(all, candidate{r, p})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { // falling within a row, so its guesses stay in order
		switch {
		case a.p > b.p:
			return -1
		case a.p < b.p:
			return 1
		}
		return 0
	})
	rows := len(chances)
	expected := float64(rows)
	best, rate := 0, expected/c.of(rows)
	for i := 0; i < len(all) && rows+i+1 <= lanes; i++ {
		expected += all[i].p
		if r := expected / c.of(rows+i+1); r > rate {
			best, rate = i+1, r
		}
	}
	take := make([]int, rows)
	for _, x := range all[:best] {
		take[x.row]++
	}
	return take
}

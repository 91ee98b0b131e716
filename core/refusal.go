package core

// Refusal asks a Generator how likely an answer is that begins with a given sentence, and may decide by that whether it is given.
//
// The sentence is split into tokens as it would follow the prompt. Its decisive tokens are the first ones up to the one that goes beyond
// Common and is more than white space; the probability is their product by the model's own distribution (temperature 1, no penalty, no cut). They cost one step of
// so many lanes less one beside the prompt's keys and values, so nothing where the first token decides already.
//
// With Decide a probability above Bound gives Text as the answer, Stop being StopRefusal, without a token generated. Otherwise the answer
// is generated, and no token is chosen that would make it begin with the decisive tokens' text, however it is split into tokens
// (white space before it counts as none). Without Decide, and where an answer begins with something else anyway, the same tokens come as
// without a Refusal.
type Refusal struct {
	Text   string  `json:"text"`   // as it follows a prompt, with the space that stands before an English answer
	Common string  `json:"common"` // a beginning of Text that ordinary answers have too, like " The"; may be empty
	Decide bool    `json:"decide"` // false: only the probability is asked for
	Bound  float64 `json:"bound"`  // 0 to 1; from 1 on nothing is refused
}

// RefusalScore is what a Generator found of a Refusal.
type RefusalScore struct {
	Probability float64 `json:"probability"` // of the decisive tokens
	Tokens      int     `json:"tokens"`      // decisive ones
	Refused     bool    `json:"refused"`     // Bound decided: the reply is Text
}

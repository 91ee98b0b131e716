//go:build torch

package neox

import "testing"

// What a row forgets is not taken for seen by its next prompt, nor is a token that was marked and never came in.
func TestMarksOfForgottenTokens(t *testing.T) {
	for _, c := range []struct{ marked, keep, length, want int }{
		{4, 3, 3, -1}, // with the token that was next
		{3, 3, 3, 3},
		{2, 3, 3, 2},
		{3, 5, 3, 3},
		{3, 2, 2, -1},
		{2, 2, 2, 2},
		{-1, 1, 1, -1},
	} {
		st := &state4{rows: []row4{{ids: []int32{7, 8, 9}, marked: c.marked, next: 5}}}
		st.keep(0, c.keep)
		if st.length(0) != c.length || st.rows[0].marked != c.want {
			t.Errorf("%+v: %d tokens, %d marked", c, st.length(0), st.rows[0].marked)
		}
	}
}

package app

import "testing"

// TestPaced: one slow step at an epoch's end changes the pace little, and the first steps, in which things are made ready, are forgotten.
func TestPaced(t *testing.T) {
	pace := 0.0
	for step := 1; step <= 100; step++ {
		tokens := 1000.0
		switch {
		case step == 1:
			tokens = 10
		case step%20 == 0:
			tokens = 300
		}
		pace = paced(pace, tokens, step)
		if step == 1 && pace != 10 {
			t.Errorf("the first step's is %v", pace)
		}
	}
	if pace < 900 || pace > 1000 {
		t.Errorf("%v tokens a second", pace)
	}
}

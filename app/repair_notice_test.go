package app_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"kakoi/app"
)

// TestNoticesOfTwoRepairs: what a repair lost that nobody has read of is still told after the next one, and documents that wait to be read again go on waiting.
func TestNoticesOfTwoRepairs(t *testing.T) {
	k := app.Keep{Data: t.TempDir()}
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	note := func(n app.RepairNotice) app.RepairNotice {
		t.Helper()
		if err := k.Note(n); err != nil {
			t.Fatal(err)
		}
		n, there, err := k.Notice()
		if err != nil || !there {
			t.Fatalf("noted: %v, %v", there, err)
		}
		return n
	}
	first := note(app.RepairNotice{When: at, Places: 1, Bytes: 10, Records: []string{"exam"}, Harmed: 2, Names: []string{"a", "b"}, Lost: []app.Failure{}})
	if !first.Waits() {
		t.Errorf("nobody read the documents again: %+v", first)
	}
	// Power is lost again before they are read: the same two wait, none is told as whole.
	second := note(app.RepairNotice{When: at.Add(time.Hour), Places: 2, Bytes: 20, Records: []string{}, Harmed: 0, Lost: []app.Failure{}})
	if want := (app.RepairNotice{When: at.Add(time.Hour), Places: 3, Bytes: 30, Records: []string{"exam"}, Harmed: 2, Names: []string{"a", "b"}, Lost: []app.Failure{}}); !reflect.DeepEqual(second, want) || !second.Waits() {
		t.Errorf("two repairs: %+v, want %+v", second, want)
	}
	failed := make([]app.Failure, 30)
	for i := range failed {
		failed[i].Reason = "lost"
	}
	kept := slices.Clone(failed)
	read := note(second.Read(app.Repaired{Read: app.Summary{Updated: 1, Failed: failed}, Left: []string{"damage"}}))
	if !read.Done || read.Waits() || read.Whole != 1 || len(read.Lost) != 21 || read.Lost[20].Reason != "damage" || !slices.Equal(failed, kept) {
		t.Errorf("read again: %+v; the result has become %v", read, failed)
	}
	// A third repair finds nothing, a fourth one document: what was lost before is told with both.
	third := note(app.RepairNotice{When: at.Add(2 * time.Hour), Places: 1, Lost: []app.Failure{}})
	if !third.Done || third.Harmed != 2 || third.Whole != 1 || len(third.Lost) != 21 || third.Places != 4 {
		t.Errorf("after one that lost nothing: %+v", third)
	}
	fourth := note(app.RepairNotice{When: at.Add(3 * time.Hour), Places: 1, Harmed: 1, Names: []string{"c"}, Lost: []app.Failure{}})
	if !fourth.Waits() || fourth.Harmed != 3 {
		t.Errorf("after one that harmed a document: %+v", fourth)
	}
	if end := note(fourth.Read(app.Repaired{Read: app.Summary{Updated: 1}})); !end.Done || end.Whole != 2 || end.Harmed != 3 || len(end.Lost) != 21 {
		t.Errorf("at the end: %+v", end)
	}
}

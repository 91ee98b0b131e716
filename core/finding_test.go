package core

import (
	"fmt"
	"reflect"
	"testing"
)

func TestFindings(t *testing.T) {
	got := Findings([]Finding{
		{What: FindingPicture, Page: 4}, {What: FindingPicture, Page: 3}, {What: FindingGarbled, Page: 3, Count: 7}, {What: FindingPicture, Page: 9},
		{What: FindingGarbled, Page: 4, Count: 5}, {What: FindingInside, Name: "a.zip", Why: WhyPassword}, {What: FindingInside, Name: "b.zip", Why: WhyPassword},
		{What: FindingOCR, Page: 5, Count: 90}, {What: FindingOCR, Page: 6, Last: 7, Count: 60}, {What: FindingPicture, Page: 5},
	})
	want := []Finding{
		{What: FindingInside, Name: "a.zip", Why: WhyPassword}, {What: FindingInside, Name: "b.zip", Why: WhyPassword},
		{What: FindingGarbled, Page: 3, Last: 4, Count: 12}, {What: FindingPicture, Page: 3, Last: 5}, {What: FindingOCR, Page: 5, Last: 7, Count: 70}, {What: FindingPicture, Page: 9},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got[3].Pages() != 3 || got[3].Range() != "3-5" || got[5].Range() != "9" || got[0].Range() != "" || got[0].Pages() != 0 {
		t.Errorf("pages of %v", got)
	}
}

// A page that reads badly is not hidden among good ones, and the mean of the good ones is theirs.
func TestFindingsOfDoubtfulPages(t *testing.T) {
	var all []Finding
	for page, sure := range []int{90, 91, 90, 91, 20, 88, 89} {
		all = append(all, Finding{What: FindingOCR, Page: page + 1, Count: sure})
	}
	got := Findings(all)
	want := []Finding{{What: FindingOCR, Page: 1, Last: 4, Count: 90}, {What: FindingOCR, Page: 5, Count: 20}, {What: FindingOCR, Page: 6, Last: 7, Count: 88}}
	if !reflect.DeepEqual(got, want) || !got[1].Attention() || got[0].Attention() {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	all = nil
	for page := range 100 {
		all = append(all, Finding{What: FindingOCR, Page: page + 1, Count: 80 + page%2*11})
	}
	if got := Findings(all); len(got) != 1 || got[0].Count != 85 || got[0].Last != 100 {
		t.Errorf("the mean of 80 and 91 over 100 pages is %v", got)
	}
}

// What a person should see stays when there is too much to keep.
func TestFindingsAreFew(t *testing.T) {
	var all []Finding
	for i := range 2000 {
		all = append(all, Finding{What: FindingBlank, Page: 2*i + 1})
	}
	for i := range 100 {
		all = append(all, Finding{What: FindingInside, Name: fmt.Sprint(i), Why: WhyCorrupt})
	}
	got := Findings(all)
	inside, more := 0, 0
	for _, f := range got {
		switch f.What {
		case FindingInside:
			inside++
		case FindingMore:
			more = f.Count
		}
	}
	if len(got) != mostFindings || inside != 100 || more != 2100-mostFindings+1 {
		t.Errorf("%d findings, %d inside, %d more", len(got), inside, more)
	}
}

func TestAttention(t *testing.T) {
	for f, want := range map[Finding]bool{
		{What: FindingBlank}: false, {What: FindingPicture}: true, {What: FindingOCR, Count: 95}: false, {What: FindingOCR, Count: 30}: true,
		{What: FindingInside, Why: WhyEmpty}: false, {What: FindingInside, Why: WhyPassword}: true, {What: FindingMore, Count: 3}: true,
	} {
		if f.Attention() != want {
			t.Errorf("%v: %v", f, !want)
		}
	}
}

package core

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
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

// pagesOf are the pages that findings of one kind are about, in order.
func pagesOf(findings []Finding, what FindingKind) (out []int) {
	for _, f := range findings {
		if f.What == what {
			out = slices.AppendSeq(out, f.Each())
		}
	}
	slices.Sort(out)
	return out
}

// What a person should see stays when there is too much to keep.
func TestFindingsAreFew(t *testing.T) {
	var all []Finding
	for i := range 2000 {
		all = append(all, Finding{What: FindingInside, Name: fmt.Sprint("empty", i), Why: WhyEmpty})
	}
	for i := range 100 {
		all = append(all, Finding{What: FindingInside, Name: fmt.Sprint(i), Why: WhyCorrupt})
	}
	all = append(all, Finding{What: FindingPicture, Page: 7}, Finding{What: FindingOCR, Page: 8, Count: 88})
	got := Findings(all)
	kinds := map[FindingKind]int{}
	corrupt := 0
	for _, f := range got {
		kinds[f.What]++
		if f.Why == WhyCorrupt {
			corrupt++
		}
		if f.What == FindingMore && f.Count != 2102-mostFindings+1 {
			t.Errorf("%d more", f.Count)
		}
	}
	if len(got) != mostFindings || corrupt != 100 || kinds[FindingPicture] != 1 || kinds[FindingOCR] != 1 || kinds[FindingMore] != 1 {
		t.Errorf("%d findings, %v, %d corrupt", len(got), kinds, corrupt)
	}
}

// No page is lost of a book whose every second page is a picture, nor of one whose pages were read, well and badly by turns, and the record stays small.
func TestFindingsOfManyPages(t *testing.T) {
	const pages = 20_000
	var all []Finding
	var pictures, read, doubtful []int
	for n := 1; n <= pages; n += 4 {
		all = append(all, Finding{What: FindingPicture, Page: n}, Finding{What: FindingBlank, Page: n + 1}, Finding{What: FindingOCR, Page: n + 2, Count: 90})
		pictures, read = append(pictures, n), append(read, n+2)
		if n%8 == 1 {
			all = append(all, Finding{What: FindingOCR, Page: n + 3, Count: 20})
			read, doubtful = append(read, n+3), append(doubtful, n+3)
		}
	}
	got := Findings(all)
	if !slices.Equal(pagesOf(got, FindingPicture), pictures) || !slices.Equal(pagesOf(got, FindingOCR), read) || len(pagesOf(got, FindingBlank)) != pages/4 {
		t.Error("pages are lost")
	}
	var bad []int
	for _, f := range got {
		if f.What == FindingOCR && f.Attention() {
			bad = slices.AppendSeq(bad, f.Each())
			if f.Count != 20 {
				t.Errorf("the confidence of bad pages is %d", f.Count)
			}
		} else if f.What == FindingOCR && f.Count != 90 {
			t.Errorf("the confidence of good pages is %d", f.Count)
		}
	}
	if slices.Sort(bad); !slices.Equal(bad, doubtful) {
		t.Errorf("%d doubtful pages of %d", len(bad), len(doubtful))
	}
	if raw, err := json.Marshal(got); err != nil || len(got) > mostFindings || len(raw) > 200<<10 {
		t.Errorf("%d findings in %d bytes, %v", len(got), len(raw), err)
	}
	if again := Findings(got); !reflect.DeepEqual(again, got) {
		t.Error("put in order again they are others")
	}
	last := Finding{}
	for _, f := range got {
		if f.What == FindingPicture && f.Also != "" {
			last = f
		}
	}
	if last.Page != 4*(mostRuns-1)+1 || !last.About(19_997) || last.About(19_996) || last.Range() != "157, 161, 165, 169, 173, 177 … (4961)" {
		t.Errorf("the last finding is of page %d: %s", last.Page, last.Range())
	}
}

// Each of a thousand attached pictures is offered, without its name where there are too many names.
func TestFindingsOfManyFilesInside(t *testing.T) {
	var all []Finding
	for i := range 1000 {
		all = append(all, Finding{What: FindingPicture, Page: 2*i + 2, Name: fmt.Sprintf("%d.png", i)})
	}
	got := Findings(all)
	if n := len(pagesOf(got, FindingPicture)); n != 1000 || len(got) != mostRuns {
		t.Errorf("%d pages in %d findings", n, len(got))
	}
	if got := Findings(all[:300]); len(got) != 300 || got[0].Name != "0.png" {
		t.Errorf("%d findings, %v", len(got), got[0])
	}
	if odd := (Finding{Page: 1, Also: "7,x,9-8,-3,10-11"}); odd.Pages() != 4 || !odd.About(11) || odd.About(9) {
		t.Errorf("what is no run counts: %d", odd.Pages())
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

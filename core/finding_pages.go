package core

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// shownRuns is how many runs of pages Range names.
const shownRuns = 6

// run is some pages in a row: both are pages of it.
type run struct{ first, last int }

func (r run) String() string {
	if r.last > r.first {
		return fmt.Sprintf("%d-%d", r.first, r.last)
	}
	return fmt.Sprint(r.first)
}

// runs are the pages a Finding is about. What is no run in Also counts for nothing.
func (f Finding) runs() iter.Seq[run] {
	return func(yield func(run) bool) {
		if f.Page == 0 || !yield(run{f.Page, max(f.Page, f.Last)}) || f.Also == "" {
			return
		}
		for text := range strings.SplitSeq(f.Also, ",") {
			first, last, more := strings.Cut(text, "-")
			if !more {
				last = first
			}
			a, aerr := strconv.Atoi(first)
			b, berr := strconv.Atoi(last)
			if aerr == nil && berr == nil && a > 0 && b >= a && !yield(run{a, b}) {
				return
			}
		}
	}
}

// Each gives the numbers of the pages it is about, in order: none for the document as a whole.
func (f Finding) Each() iter.Seq[int] {
	return func(yield func(int) bool) {
		for r := range f.runs() {
			for n := r.first; n <= r.last; n++ {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// Pages is how many pages it is about: none for the document as a whole.
func (f Finding) Pages() (n int) {
	for r := range f.runs() {
		n += r.last - r.first + 1
	}
	return n
}

// About says whether it is about a page.
func (f Finding) About(page int) bool {
	for r := range f.runs() {
		if r.first <= page && page <= r.last {
			return true
		}
	}
	return false
}

// Range is "3", "3-7" or "3-7, 9, 12", with the number of all pages where there are too many runs to name, or "" for the document as a whole.
func (f Finding) Range() string {
	var out []string
	for r := range f.runs() {
		if len(out) == shownRuns {
			return fmt.Sprintf("%s … (%d)", strings.Join(out, ", "), f.Pages())
		}
		out = append(out, r.String())
	}
	return strings.Join(out, ", ")
}

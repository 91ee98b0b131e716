package app

import (
	"cmp"
	"slices"
	"strings"

	"kakoi/app/record"
)

// CapsuleDiff is what one capsule, or library, has that another has not.
type CapsuleDiff struct {
	Same    int                `json:"same"`    // documents with the same contents
	OnlyA   []CapsuleDiffItem  `json:"only_a"`  // documents
	OnlyB   []CapsuleDiffItem  `json:"only_b"`  //
	Changed []CapsuleDiffItem  `json:"changed"` // documents of one place, or name, with other contents
	Others  []CapsuleOtherDiff `json:"others"`  // conversations, datasets, exams, runs, adapters, corrections, in this order of kinds
}

// Nothing says that both hold the same.
func (d CapsuleDiff) Nothing() bool {
	return len(d.OnlyA)+len(d.OnlyB)+len(d.Changed)+len(d.Others) == 0
}

// CapsuleDiffItem is a document that differs.
type CapsuleDiffItem struct {
	Collection string `json:"collection"`
	Name       string `json:"name"`
	ChunksA    int    `json:"chunks_a"`
	ChunksB    int    `json:"chunks_b"`
}

// CapsuleOtherDiff is a record that differs.
type CapsuleOtherDiff struct {
	CapsuleOther
	In string `json:"in"` // "a", "b": only there; "both": changed
}

// Diff compares two contents. Collections are told apart by their names; documents are the same where their files were.
func (a CapsuleContent) Diff(b CapsuleContent) CapsuleDiff {
	out := CapsuleDiff{OnlyA: []CapsuleDiffItem{}, OnlyB: []CapsuleDiffItem{}, Changed: []CapsuleDiffItem{}, Others: []CapsuleOtherDiff{}}
	type key struct{ collection, of string }
	bySum, byID, byName := map[key][]int{}, map[key]int{}, map[key]int{}
	for i, d := range b.Documents {
		if d.Document.SHA256 != "" {
			k := key{d.Collection, d.Document.SHA256}
			bySum[k] = append(bySum[k], i)
		}
		byID[key{d.Collection, d.Document.ID}], byName[key{d.Collection, d.Document.Name}] = i, i
	}
	paired := map[int]bool{}
	var rest []CapsuleDocument
	for _, d := range a.Documents {
		k := key{d.Collection, d.Document.SHA256}
		if same := bySum[k]; len(same) > 0 {
			paired[same[0]], bySum[k] = true, same[1:]
			out.Same++
			continue
		}
		rest = append(rest, d)
	}
	for _, d := range rest {
		item := CapsuleDiffItem{Collection: d.Collection, Name: d.Document.Name, ChunksA: d.Chunks}
		at, there := byID[key{d.Collection, d.Document.ID}]
		if !there || paired[at] {
			at, there = byName[key{d.Collection, d.Document.Name}]
		}
		if !there || paired[at] {
			out.OnlyA = append(out.OnlyA, item)
			continue
		}
		paired[at] = true
		if other := b.Documents[at]; d.Document.SHA256 == "" && other.Document.SHA256 == "" && other.Chunks == d.Chunks {
			out.Same++
			continue
		}
		item.ChunksB = b.Documents[at].Chunks
		out.Changed = append(out.Changed, item)
	}
	for i, d := range b.Documents {
		if !paired[i] {
			out.OnlyB = append(out.OnlyB, CapsuleDiffItem{Collection: d.Collection, Name: d.Document.Name, ChunksB: d.Chunks})
		}
	}
	for _, items := range [][]CapsuleDiffItem{out.OnlyA, out.OnlyB, out.Changed} {
		slices.SortFunc(items, func(a, b CapsuleDiffItem) int {
			return cmp.Or(strings.Compare(a.Collection, b.Collection), strings.Compare(a.Name, b.Name))
		})
	}
	out.Others = append(conversationDiff(a.Conversations, b.Conversations), otherDiff(a.Others, b.Others)...)
	return out
}

func conversationDiff(a, b []CapsuleConversation) []CapsuleOtherDiff {
	out := []CapsuleOtherDiff{}
	there := map[string]CapsuleConversation{}
	for _, c := range b {
		there[c.ID] = c
	}
	one := func(c CapsuleConversation, in string) {
		out = append(out, CapsuleOtherDiff{CapsuleOther{record.KindConversation, c.ID, c.Title}, in})
	}
	for _, c := range a {
		other, both := there[c.ID]
		delete(there, c.ID)
		switch {
		case !both:
			one(c, "a")
		case !c.Changed.Equal(other.Changed) || len(c.TurnIDs) != len(other.TurnIDs) || c.Title != other.Title:
			one(c, "both")
		}
	}
	for _, c := range b {
		if _, left := there[c.ID]; left {
			one(c, "b")
		}
	}
	return sortOthers(out)
}

func otherDiff(a, b []CapsuleOther) []CapsuleOtherDiff {
	out := []CapsuleOtherDiff{}
	has := func(all []CapsuleOther) map[[2]string]bool {
		m := map[[2]string]bool{}
		for _, o := range all {
			m[[2]string{o.Kind, o.ID}] = true
		}
		return m
	}
	inA, inB := has(a), has(b)
	for _, o := range a {
		if !inB[[2]string{o.Kind, o.ID}] {
			out = append(out, CapsuleOtherDiff{o, "a"})
		}
	}
	for _, o := range b {
		if !inA[[2]string{o.Kind, o.ID}] {
			out = append(out, CapsuleOtherDiff{o, "b"})
		}
	}
	return sortOthers(out)
}

func sortOthers(all []CapsuleOtherDiff) []CapsuleOtherDiff {
	order := []string{record.KindConversation, record.KindDataset, record.KindExam, record.KindRun, record.KindAdapter, record.KindCorrection}
	slices.SortFunc(all, func(a, b CapsuleOtherDiff) int {
		return cmp.Or(slices.Index(order, a.Kind)-slices.Index(order, b.Kind), strings.Compare(a.In, b.In), strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return all
}

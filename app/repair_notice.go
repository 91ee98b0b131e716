package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"kakoi/app/amount"
)

// RepairNotice is what the program repaired by itself when it opened the library, and what came of the documents that had lost something. It is kept until a
// person has closed it: whoever sits before the window need not have been there.
type RepairNotice struct {
	When    time.Time `json:"when"`
	Places  int       `json:"places"`  // that could not be read
	Bytes   int64     `json:"bytes"`   // of them
	Records []string  `json:"records"` // see FileDamage
	Harmed  int       `json:"harmed"`  // documents that had lost something
	Names   []string  `json:"names"`   // of the first of them; none once something was removed for good: it may be one of them

	Nameless int       `json:"nameless"` // documents of which not even the name is left
	Done     bool      `json:"done"`     // the documents were read again
	Whole    int       `json:"whole"`    // of them, those that are whole
	Lost     []Failure `json:"lost"`     // what became of the others
}

const (
	noticeName = "repaired.json"
	mostNamed  = 20 // documents
)

// NoticeOf is what is to be told of a repair of the files, before documents are read again.
func NoticeOf(files FileDamage, plan RepairPlan) RepairNotice {
	n := RepairNotice{When: time.Now().UTC().Round(time.Second), Places: files.Places, Bytes: files.Bytes, Records: files.Records, Harmed: len(plan.Documents), Nameless: plan.Nameless, Lost: []Failure{}}
	for _, d := range plan.Documents[:min(len(plan.Documents), mostNamed)] {
		n.Names = append(n.Names, d.Name)
	}
	return n
}

// Read is the notice after the documents were read again.
func (n RepairNotice) Read(done Repaired) RepairNotice {
	n.Done, n.Whole = true, n.Whole+done.Read.Added+done.Read.Updated
	n.Nameless = max(n.Nameless, done.Nameless)
	lost := slices.Clone(done.Read.Failed[:min(len(done.Read.Failed), mostNamed)])
	for _, left := range done.Left[:min(len(done.Left), mostNamed)] {
		lost = append(lost, Failure{Reason: left})
	}
	n.Lost = append(lost, n.Lost...) // of repairs before it
	return n
}

// Waits says whether documents have to be read again, which has not been done.
func (n RepairNotice) Waits() bool { return !n.Done && n.Harmed > 0 }

// after is the notice together with that of a repair before it, which nobody has read.
func (n RepairNotice) after(before RepairNotice) RepairNotice {
	n.Places, n.Bytes = n.Places+before.Places, n.Bytes+before.Bytes
	if before.Done {
		n.Done = n.Harmed == 0
		n.Harmed, n.Whole = n.Harmed+before.Harmed, before.Whole
	} else { // those that wait to be read are found anew
		n.Harmed = max(n.Harmed, before.Harmed)
		for _, name := range before.Names {
			if len(n.Names) < mostNamed && !slices.Contains(n.Names, name) {
				n.Names = append(n.Names, name)
			}
		}
	}
	for _, kind := range before.Records {
		if !slices.Contains(n.Records, kind) {
			n.Records = append(n.Records, kind)
		}
	}
	n.Nameless = max(n.Nameless, before.Nameless)
	n.Lost = append(append([]Failure{}, n.Lost...), before.Lost...)
	return n
}

// Notice is that of the last repair, if no person has closed it.
func (k Keep) Notice() (n RepairNotice, there bool, err error) {
	text, err := k.Key.ReadFile(k.path(noticeName))
	if errors.Is(err, fs.ErrNotExist) {
		return n, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err != nil {
		return n, false, fmt.Errorf("read what was repaired: %w", err)
	}
	return n, true, nil
}

// Note keeps a notice. Of two repairs that nobody has read of it has what both did and lost, under the time of the later.
func (k Keep) Note(n RepairNotice) error {
	if before, there, err := k.Notice(); err == nil && there && !before.When.Equal(n.When) {
		n = n.after(before)
	}
	return k.writeNotice(n)
}

func (k Keep) writeNotice(n RepairNotice) error {
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write notice: %w", err)
	}
	if err := k.Key.WriteFile(k.path(noticeName), text); err != nil {
		return fmt.Errorf("write notice: %w", err)
	}
	return nil
}

// CloseNotice is for whoever has read it.
func (k Keep) CloseNotice() error {
	if err := os.Remove(k.path(noticeName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("close notice: %w", err)
	}
	return nil
}

// forgetNames takes names and paths from the notice.
func (k Keep) forgetNames() error {
	n, there, err := k.Notice()
	if err != nil || !there { // one that cannot be read goes as a whole
		return k.CloseNotice()
	}
	if len(n.Names)+len(n.Lost) == 0 {
		return nil
	}
	n.Names, n.Lost = nil, []Failure{}
	return k.writeNotice(n)
}

// Said is the notice in sentences, the first a title; text is that of the translations. undo says that what was there before is still kept.
func (n RepairNotice) Said(text func(key string, args ...any) string, undo bool) []string {
	out := []string{text("repair.notice.title", n.When.Local().Format("2006-01-02 15:04")), text("repair.notice.files", n.Places, amount.Bytes(n.Bytes))}
	switch {
	case n.Harmed == 0 && n.Nameless == 0:
		out = append(out, text("repair.notice.nothing_lost"))
	case n.Harmed > 0 && n.Done:
		out = append(out, text("repair.notice.read", n.Whole, n.Harmed))
	case n.Harmed > 0:
		out = append(out, text("repair.notice.harmed", n.Harmed))
	}
	if !n.Done {
		for _, name := range n.Names {
			out = append(out, "  "+name)
		}
	}
	for _, f := range n.Lost {
		line := f.Reason
		if f.Hint != "" {
			line += " " + f.Hint
		}
		out = append(out, "  "+line)
	}
	if n.Nameless > 0 {
		out = append(out, text("cli.repair.nameless", n.Nameless))
	}
	if len(n.Records) > 0 {
		out = append(out, text("cli.repair.records_hit", fmt.Sprint(n.Records)))
	}
	if undo {
		out = append(out, text("repair.notice.undo"))
	}
	return out
}

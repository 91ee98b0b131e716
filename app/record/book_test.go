package record_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/index"
)

type library struct {
	*index.Index
	record.Book
	dir string
}

func open(t *testing.T) *library {
	t.Helper()
	dir := t.TempDir()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &library{x, record.Book{Store: x}, dir}
	t.Cleanup(func() {
		if err := l.Index.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// write puts a conversation of n turns, two answers each, whose texts hold the secret.
func (l *library) write(t *testing.T, id string, n int, secret string) {
	t.Helper()
	ctx := t.Context()
	at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	parent := ""
	for i := range n {
		turn := record.Turn{ID: fmt.Sprintf("t%d", i), Conversation: id, Parent: parent, Question: secret + " question", Asked: at.Add(time.Duration(i) * time.Minute), Shown: 1}
		check(l.PutTurn(ctx, turn))
		for j := range 2 {
			at := turn.Asked.Add(time.Duration(10-j) * time.Second) // the later id was given first
			check(l.PutGiven(ctx, id, turn.ID, record.Given{ID: fmt.Sprintf("g%d", j), Mode: record.ModeModel, At: at, Answer: core.Answer{
				Text: fmt.Sprintf("%s answer %d", secret, j), Receipt: &core.Receipt{Prompt: secret + " prompt"},
			}}))
		}
		parent = turn.ID
	}
	check(l.PutHead(ctx, record.Conversation{ID: id, Title: secret + " first title", Created: at, Changed: at}))
	check(l.PutHead(ctx, record.Conversation{ID: id, Title: secret + " title", Created: at, Changed: at, Turns: n, Leaf: parent}))
}

// bytesLeft names the files of the library that hold a text.
func bytesLeft(t *testing.T, dir, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if strings.Contains(string(raw), text) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWrittenAndRead(t *testing.T) {
	l := open(t)
	l.write(t, "aa", 3, "tamarind")
	l.write(t, "bb", 1, "okapi")
	heads, damaged, err := l.Heads(t.Context())
	if err != nil || len(damaged) != 0 || len(heads) != 2 || heads[0].Title != "tamarind title" {
		t.Fatalf("%+v %v %v", heads, damaged, err)
	}
	turns, damaged, err := l.Turns(t.Context(), "aa")
	if err != nil || len(damaged) != 0 || len(turns) != 3 {
		t.Fatalf("%+v %v %v", turns, damaged, err)
	}
	for i, turn := range turns {
		if turn.ID != fmt.Sprintf("t%d", i) || len(turn.Answers) != 2 || turn.Answers[0].ID != "g1" || turn.Answers[1].Answer.Receipt.Prompt != "tamarind prompt" {
			t.Errorf("turn %d is %+v", i, turn)
		}
		if shown, ok := turn.Answer(); !ok || shown.ID != "g0" {
			t.Errorf("shown is %+v", shown)
		}
		one, err := l.Turn(t.Context(), "aa", turn.ID)
		if err != nil || fmt.Sprint(one) != fmt.Sprint(turn) && len(one.Answers) != 2 {
			t.Errorf("read alone %+v, %v", one, err)
		}
	}
	if _, err := l.Turn(t.Context(), "bb", "t2"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("turn of another conversation: %v", err)
	}
}

// After Erase no file of the library holds a byte of the conversation, and what others hold is untouched.
func TestErasedBytesAreGone(t *testing.T) {
	l := open(t)
	l.write(t, "aa", 40, "tamarind-4711")
	l.write(t, "bb", 2, "okapi-12")
	if err := l.PutCorrection(t.Context(), record.Correction{ID: "k", Question: "quokka-9", Kind: record.CorrectAbsent}); err != nil {
		t.Fatal(err)
	}
	if len(bytesLeft(t, l.dir, "tamarind-4711")) == 0 {
		t.Fatal("the bytes are not even there before: the test proves nothing")
	}
	if err := l.Erase(t.Context(), "aa"); err != nil {
		t.Fatal(err)
	}
	if err := l.EraseCorrections(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"tamarind-4711", "quokka-9"} {
		if left := bytesLeft(t, l.dir, secret); len(left) > 0 {
			t.Errorf("%s stands in %v", secret, left)
		}
	}
	if turns, _, err := l.Turns(t.Context(), "bb"); err != nil || len(turns) != 2 || turns[0].Answers[0].Answer.Text != "okapi-12 answer 1" {
		t.Errorf("the other conversation: %+v, %v", turns, err)
	}
	if _, err := l.Head(t.Context(), "aa"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("head: %v", err)
	}
}

// torn is a store that is killed before it erases.
type torn struct{ record.Store }

func (torn) EraseRecords(context.Context, ...[2]string) error { return errors.New("killed") }

func TestHalfErasedIsHiddenAndSwept(t *testing.T) {
	l := open(t)
	l.write(t, "aa", 2, "tamarind-4711")
	if err := (record.Book{Store: torn{l.Index}}).Erase(t.Context(), "aa"); err == nil {
		t.Fatal("want an error")
	}
	if heads, _, err := l.Heads(t.Context()); err != nil || len(heads) != 0 {
		t.Errorf("listed: %+v, %v", heads, err)
	}
	if _, err := l.Head(t.Context(), "aa"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("head: %v", err)
	}
	if err := l.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := bytesLeft(t, l.dir, "tamarind-4711"); len(left) > 0 {
		t.Errorf("stands in %v", left)
	}
}

// A later version is left alone, a damaged record is reported, and neither keeps the others from being read.
func TestForeignAndDamagedRecords(t *testing.T) {
	l := open(t)
	l.write(t, "aa", 2, "okapi")
	ctx := t.Context()
	for id, raw := range map[string]string{"newer": `{"version":2,"value":{"id":"newer"}}`, "torn": `{"version":1,"value":`, "none": `{"version":0,"value":{}}`} {
		if err := l.PutRecord(ctx, "conversation", id, []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.PutRecord(ctx, "given.aa", "t0.g9", []byte("x")); err != nil {
		t.Fatal(err)
	}
	heads, damaged, err := l.Heads(ctx)
	if err != nil || len(heads) != 1 || len(damaged) != 2 {
		t.Fatalf("%+v, %v, %v", heads, damaged, err)
	}
	for _, d := range damaged {
		if d.ID == "newer" || !errors.Is(d.Err, core.ErrCorrupt) {
			t.Errorf("reported: %+v", d)
		}
	}
	if _, err := l.Head(ctx, "newer"); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("a later version: %v", err)
	}
	turns, damaged, err := l.Turns(ctx, "aa")
	if err != nil || len(turns) != 2 || len(turns[0].Answers) != 2 || len(damaged) != 1 || damaged[0].ID != "t0.g9" {
		t.Errorf("%+v, %v, %v", turns, damaged, err)
	}
}

// broken is a store in which one record cannot be read, and no scan goes past it.
type broken struct{ record.Store }

func (b broken) Records(ctx context.Context, kind string) (map[string][]byte, error) {
	return nil, fmt.Errorf("records %s: %w", kind, core.ErrCorrupt)
}

func (b broken) Record(ctx context.Context, kind, id string) ([]byte, error) {
	if id == "t1" {
		return nil, fmt.Errorf("record: %w", core.ErrCorrupt)
	}
	return b.Store.Record(ctx, kind, id)
}

func TestRecordDamagedInTheStore(t *testing.T) {
	l := open(t)
	l.write(t, "aa", 3, "okapi")
	turns, damaged, err := (record.Book{Store: broken{l.Index}}).Turns(t.Context(), "aa")
	if err != nil || len(turns) != 2 || len(damaged) != 1 || damaged[0].ID != "t1" {
		t.Errorf("%+v, %v, %v", turns, damaged, err)
	}
}

func TestLongAnswer(t *testing.T) {
	l := open(t)
	r := rand.New(rand.NewPCG(1, 1))
	var text strings.Builder
	g := record.Given{ID: "g"}
	for range 2000 { // sentences of 50 characters, each with its source
		s := make([]rune, 50)
		for i := range s {
			s[i] = '一' + rune(r.IntN(2000))
		}
		text.WriteString(string(s))
		g.Answer.Citations = append(g.Answer.Citations, core.Citation{Sentence: string(s), Text: string(s)})
	}
	g.Answer.Text = text.String()
	if err := errors.Join(l.PutTurn(t.Context(), record.Turn{ID: "t", Conversation: "aa"}), l.PutGiven(t.Context(), "aa", "t", g)); err != nil {
		t.Fatal(err)
	}
	turns, damaged, err := l.Turns(t.Context(), "aa")
	if err != nil || len(damaged) != 0 || len(turns) != 1 || turns[0].Answers[0].Answer.Text != g.Answer.Text || len(turns[0].Answers[0].Answer.Citations) != 2000 {
		t.Errorf("%d turns, %v, %v", len(turns), damaged, err)
	}
}

func TestFailureIsSaidAgain(t *testing.T) {
	said := core.Explain(fmt.Errorf("ask: %w", core.ErrTooLarge), "error.chat.toolong", 30000, 2.5, "x")
	var user *core.UserError
	if err := record.Failed(fmt.Errorf("outer: %w", said)).Err(); !errors.As(err, &user) || user.Key != "error.chat.toolong" || fmt.Sprintf("%d %.1f %s", user.Args...) != "30000 2.5 x" {
		t.Errorf("said again: %+v", user)
	}
	if f := record.Failed(fmt.Errorf("generate: %w", core.ErrEngine)); f.Key != "error.sentinel.engine" || f.Text == "" {
		t.Errorf("engine: %+v", f)
	}
	if err := record.Failed(errors.New("disk on fire")).Err(); err.Error() != "disk on fire" {
		t.Errorf("unknown: %v", err)
	}
}

// 500 answers load at once, and one more is one small write.
func BenchmarkTurns(b *testing.B) {
	dir := b.TempDir()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	book := record.Book{Store: x}
	ctx := context.Background()
	text := strings.Repeat("年次有給休暇は入社半年後に十日与えられます。", 12)
	for i := range 500 {
		turn := record.Turn{ID: fmt.Sprintf("t%d", i), Conversation: "aa", Question: text[:90], Asked: time.Unix(int64(i), 0)}
		passages := []core.Passage{{Text: text}, {Text: text}, {Text: text}}
		g := record.Given{ID: "g", Answer: core.Answer{Text: text, Passages: passages, Receipt: &core.Receipt{Prompt: text + text + text}}}
		if err := errors.Join(book.PutTurn(ctx, turn), book.PutGiven(ctx, "aa", turn.ID, g)); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if turns, _, err := book.Turns(ctx, "aa"); err != nil || len(turns) != 500 {
				b.Fatal(len(turns), err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if err := book.PutGiven(ctx, "aa", "t7", record.Given{ID: "g", Answer: core.Answer{Text: text}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

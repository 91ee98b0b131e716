package app_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/index"
)

// 200 conversations of 10 turns: the first search reads them, the next ones do not.
func BenchmarkSearchConversations(b *testing.B) {
	x, err := index.Open(filepath.Join(b.TempDir(), "library"), index.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	store := app.Indexed{Index: x}
	book := record.Book{Store: store}
	ctx := context.Background()
	text := strings.Repeat("年次有給休暇は入社半年後に十日与えられます。", 12)
	for i := range 200 {
		id := fmt.Sprintf("c%d", i)
		err := book.PutHead(ctx, record.Conversation{ID: id, Changed: time.Unix(int64(i), 0)})
		for j := range 10 {
			turn := fmt.Sprintf("t%d", j)
			g := record.Given{ID: "g", Answer: core.Answer{Text: text, Passages: []core.Passage{{Text: text}, {Text: text}}, Receipt: &core.Receipt{Prompt: text + text}}}
			err = errors.Join(err, book.PutTurn(ctx, record.Turn{ID: turn, Conversation: id, Question: text[:90]}), book.PutGiven(ctx, id, turn, g))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	search := func(c *app.Conversations) {
		if found, err := c.Search(ctx, "見つからない", 10); err != nil || len(found) != 0 {
			b.Fatal(found, err)
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			search(&app.Conversations{Store: store})
		}
	})
	b.Run("next", func(b *testing.B) {
		c := &app.Conversations{Store: store}
		search(c)
		for b.Loop() {
			search(c)
		}
	})
}

package ui

import (
	"context"
	"strings"

	"golang.org/x/text/unicode/norm"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/place"
)

// maxFound is how many lines of a kind the palette shows.
const maxFound = 8

// found is one line of the palette.
type found struct {
	kind  string // key of the translations: "ui.palette.command", ...
	title string
	note  string
	where any    // a place, or
	do    func() // what to do
}

// is says whether another line leads to the same.
func (f found) is(other found) bool {
	return f.kind == other.kind && f.title == other.title && f.where == other.where
}

// paletteSource is what the palette looks through.
type paletteSource struct {
	documents     func(ctx context.Context, collection string) ([]core.Document, error)
	conversations func(ctx context.Context) ([]record.Conversation, []record.Damage, error)
}

// palette finds commands, documents and conversations by what a person types. Names are read once, when it opens.
type palette struct {
	commands      []found
	documents     []core.Document
	conversations []record.Conversation
	collection    string
	folded        struct{ commands, documents, conversations []string } // names as they are compared
}

// load reads the names. What cannot be read is left out: the palette is a shortcut, the screens tell what is wrong.
func (p *palette) load(ctx context.Context, from paletteSource, collection string) {
	p.collection = collection
	if docs, err := from.documents(ctx, collection); err == nil {
		p.documents = docs
	}
	if talks, _, err := from.conversations(ctx); err == nil {
		p.conversations = talks
	}
	p.fold()
}

// fold prepares what names compares, once and not at each letter: there may be 20,000 documents.
func (p *palette) fold() {
	p.folded.commands = folded(p.commands, func(f found) string { return f.title })
	p.folded.documents = folded(p.documents, func(d core.Document) string { return d.Name })
	p.folded.conversations = folded(p.conversations, func(c record.Conversation) string { return c.Title })
}

func folded[T any](all []T, name func(T) string) []string {
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = plain(name(one))
	}
	return out
}

// names finds by names alone, at once.
func (p *palette) names(query string) []found {
	words := strings.Fields(plain(query))
	var out []found
	for i, c := range p.commands {
		if matches(p.folded.commands[i], words) {
			out = append(out, c)
		}
	}
	n := 0
	for i, t := range p.conversations {
		if n < maxFound && matches(p.folded.conversations[i], words) {
			out = append(out, found{kind: "ui.palette.conversation", title: t.Title, note: t.Changed.Local().Format("2006-01-02"), where: place.Conversation{ID: t.ID}})
			n++
		}
	}
	n = 0
	for i, d := range p.documents {
		if n < maxFound && len(words) > 0 && matches(p.folded.documents[i], words) {
			out = append(out, found{kind: "ui.palette.document", title: d.Name, note: d.Source, where: place.Document{Collection: p.collection, ID: d.ID}})
			n++
		}
	}
	return out
}

// inside finds by what was asked and answered.
func (p *palette) inside(turns []app.FoundTurn) []found {
	var out []found
	for _, t := range turns {
		out = append(out, found{
			kind: "ui.palette.turn", title: t.Snippet, note: t.Conversation.Title,
			where: place.Conversation{ID: t.Conversation.ID, Turn: t.Turn},
		})
	}
	return out
}

// plain makes names comparable: width and case do not matter.
func plain(text string) string { return strings.ToLower(norm.NFKC.String(text)) }

// matches says whether every word occurs in a plain name.
func matches(name string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(name, w) {
			return false
		}
	}
	return true
}

package chat

import (
	"context"
	"log/slog"

	"kakoi/app"
	"kakoi/ui/place"
)

// seekKin finds out, once for each document, of what it is a copy or a version: two sources that say the same are one. It is asked for where
// places of several documents are shown.
func (m *Model) seekKin(cards []Card) {
	var ids []string
	for _, c := range cards {
		if _, known := m.kin[c.At.ID]; !known && cards[0].At.Collection == c.At.Collection {
			m.kin[c.At.ID] = nil
			ids = append(ids, c.At.ID)
		}
	}
	if len(ids) == 0 || len(m.kin) < 2 {
		return
	}
	collection := cards[0].At.Collection
	m.shell.Go(func(ctx context.Context) {
		found := map[string][]app.Relative{}
		for _, id := range ids {
			r, err := m.library.Relatives(ctx, collection, id)
			if err != nil {
				slog.Warn("look for copies and versions", "document", id, "error", err)
				return
			}
			found[id] = r
		}
		m.shell.Post(func() {
			any := false
			for id, r := range found {
				m.kin[id] = r
				any = any || len(r) > 0
			}
			if any {
				m.tell(changedSources)
			}
		})
	})
}

// kinNote says of a card's document that one of an earlier card is the same or another version of it; "" otherwise.
func (m *Model) kinNote(at place.Document, earlier []Card) string {
	for _, r := range m.kin[at.ID] {
		for _, c := range earlier {
			if c.At.ID != r.ID {
				continue
			}
			other := r.Name
			if c.Number > 0 {
				other = marker(c.Number) + " " + other
			}
			return r.Say(m.shell.Text, other)
		}
	}
	return ""
}

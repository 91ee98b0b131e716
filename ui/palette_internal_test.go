package ui

import (
	"context"
	"errors"
	"testing"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/place"
)

func paletteOf(t *testing.T) *palette {
	t.Helper()
	p := &palette{commands: []found{{kind: "ui.palette.command", title: "設定", where: place.Settings}, {kind: "ui.palette.command", title: "Add files", do: func() {}}}}
	p.load(t.Context(), paletteSource{
		documents: func(_ context.Context, collection string) ([]core.Document, error) {
			return []core.Document{{ID: "1", Name: "就業規則.docx", Source: "/x/" + collection}, {ID: "2", Name: "Ｐrice ＬＩＳＴ.html"}}, nil
		},
		conversations: func(context.Context) ([]record.Conversation, []record.Damage, error) {
			return []record.Conversation{{ID: "c", Title: "有給休暇はいつから"}}, nil, nil
		},
	}, "main")
	return p
}

func TestPaletteFindsByNames(t *testing.T) {
	p := paletteOf(t)
	for query, want := range map[string]any{
		"設定":         place.Settings,
		"規則 就業":      place.Document{Collection: "main", ID: "1"},
		"price list": place.Document{Collection: "main", ID: "2"}, // width and case do not matter
		"有給":         place.Conversation{ID: "c"},
	} {
		rows := p.names(query)
		if len(rows) != 1 || rows[0].where != want {
			t.Errorf("%q finds %+v, want %v", query, rows, want)
		}
	}
	if rows := p.names("zzz"); len(rows) != 0 {
		t.Errorf("found %+v for nonsense", rows)
	}
	if rows := p.names(""); len(rows) != 3 {
		t.Errorf("an empty query shows %d lines, want commands and conversations only", len(rows))
	}
}

func TestPaletteWithoutLibrary(t *testing.T) {
	p := &palette{commands: []found{{title: "a"}}}
	fail := errors.New("damaged")
	p.load(t.Context(), paletteSource{
		documents:     func(context.Context, string) ([]core.Document, error) { return nil, fail },
		conversations: func(context.Context) ([]record.Conversation, []record.Damage, error) { return nil, nil, fail },
	}, "")
	if rows := p.names("a"); len(rows) != 1 {
		t.Errorf("commands are lost with the library: %+v", rows)
	}
	rows := p.inside([]app.FoundTurn{{Conversation: record.Conversation{ID: "c", Title: "t"}, Turn: "u", Snippet: "s"}})
	if len(rows) != 1 || rows[0].where != (place.Conversation{ID: "c", Turn: "u"}) {
		t.Errorf("turn is %+v", rows)
	}
}

// TestPaletteKeepsTheChosenLine: names that come in while a person has moved down do not move the choice.
func TestPaletteKeepsTheChosenLine(t *testing.T) {
	s, _ := openShell(t, "en")
	s.Navigate(place.Chat)
	s.openPalette()
	v := s.palette
	press(s, fyne.KeyDown)
	press(s, fyne.KeyDown)
	chosen := v.rows[v.chosen]
	more := v.model
	more.conversations = []record.Conversation{{ID: "c", Title: "有給休暇"}}
	more.commands = append([]found{{kind: "ui.palette.command", title: "first now", where: place.Help}}, more.commands...)
	more.fold()
	v.model = more
	v.again("")
	if got := v.rows[v.chosen]; !got.is(chosen) || v.chosen != 3 {
		t.Errorf("line %d is chosen: %q, want %q", v.chosen, got.title, chosen.title)
	}
	v.look("first")
	if v.chosen != 0 {
		t.Errorf("another query begins at line %d", v.chosen)
	}
	press(s, fyne.KeyEscape)
}

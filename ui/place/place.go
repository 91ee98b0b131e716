// Package place names what the window can show, so that a screen can send a person to another without knowing it.
package place

// Screen is one of the screens of the rail.
type Screen string

const (
	Chat      Screen = "chat"
	Documents Screen = "documents"
	Training  Screen = "training"
	Models    Screen = "models"
	Settings  Screen = "settings"
	Help      Screen = "help"
)

// Document is a page of a document, with a passage marked when End > Start.
type Document struct {
	Collection string // name
	ID         string // core.Document.ID
	Page       int    // from 1; 0 is the first
	Start, End int    // characters in the page's text
}

// Compare is the chat, where the next question is answered by an adapter and by its model without one, side by side.
type Compare struct {
	Adapter string // record.Adapter.ID
}

// Conversation is a conversation, at one of its turns.
type Conversation struct {
	ID   string
	Turn string // "" is the end
}

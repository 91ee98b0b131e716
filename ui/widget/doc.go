// Package widget holds what the screens are built of and that knows nothing of documents or models: every text is handed in.
// Widgets are made and changed on the window's goroutine only.
package widget

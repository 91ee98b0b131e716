package widget

// Question asks a person before something is done.
type Question struct {
	Title  string
	Text   string
	Yes    string // the button that does it, named after what it does
	Danger bool   // something is lost: the button is red and Enter does not press it
	Then   func()
}

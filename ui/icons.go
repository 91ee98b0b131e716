package ui

import (
	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

// chatIcon is a speech bubble with two lines; Fyne has none.
var chatIcon = fynetheme.NewThemedResource(fyne.NewStaticResource("chat.svg", []byte(
	`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><path fill="#000" fill-rule="evenodd" d="M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2zm2 5v2h12V8zm0 4v2h8v-2z"/></svg>`)))

// trainingIcon is a curve that falls to a point; Fyne has none.
var trainingIcon = fynetheme.NewThemedResource(fyne.NewStaticResource("training.svg", []byte(
	`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><path fill="#000" d="M3 3h2v16h16v2H3z"/><path fill="#000" d="M7 4h2c0 6 2 9 7 9.300V15.500C9.500 15.200 7 11 7 4z"/><path fill="#000" d="M18.500 11.400a3 3 0 1 1 0 6 3 3 0 0 1 0-6z"/></svg>`)))

// shieldIcon is a shield with a tick, for the proof that the program is closed.
var shieldIcon = fynetheme.NewSuccessThemedResource(fyne.NewStaticResource("shield.svg", []byte(
	`<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24"><path fill="#000" fill-rule="evenodd" d="M12 1 3 5v6c0 5.5 3.8 10.7 9 12 5.2-1.3 9-6.500 9-12V5zm-1.500 15.500L6.500 12.500l1.400-1.400 2.600 2.600 5.700-5.700 1.400 1.400z"/></svg>`)))

package ui

import (
	"context"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core/closed"
)

// Params is what the window needs from the composition root.
type Params struct {
	App      fyne.App
	Fonts    string            // folder of the bundled fonts
	Data     string            // data folder
	Language string            // of the environment: "ja" or "en"
	Look     settings.Settings // as the settings file has it before the data folder is open
	Proof    closed.Proof      // of this process
	Version  string
	Open     func(ctx context.Context) (*Services, error) // opens the data folder; runs beside the first frame
	Raise    <-chan struct{}                              // a second start asks for the window
	Repair   func() error                                 // asks the next start for a repair of a library that does not open; nil: it is not offered
	Vault    Vault                                        // the passphrase that keeps the library; nil: none can
	Display  Display
	Restart  func()               // the program starts again when the window has ended; nil: it does not
	Notices  <-chan string        // keys of texts to show when they come; nil is none
	Probe    string               // file for the longest times of the window's goroutine; "" is off
	Swapping func() time.Duration // how long the display has drawn frames while that goroutine waited; nil: unknown
}

// Services are the use-cases over an opened data folder.
type Services struct {
	Library       *app.Library
	Chat          *app.Chat
	Conversations *app.Conversations
	Models        *app.Models
	Datasets      *app.Datasets
	Training      *app.Training
	Adapters      *app.Adapters
	Packs         *app.Packs
	Exams         *app.Exams
	Engine        *app.Engine
	Pages         *app.Pages
	Folders       *app.Folders
	Prompts       app.Prompts
	Doctor        *app.Doctor
	Backup        *app.Backup
	Backups       *app.Backups
	Capsule       *app.Capsule
	Settings      *settings.File
	Jobs          *job.Runner
	Bus           *app.Bus
	Close         func() error
	Report        func(ctx context.Context, path, lang string) (failed []string, err error) // tries everything anew and writes the report; nil: there is none
}

package ui

import (
	"os"
	"path/filepath"

	"kakoi/ui/widget"
)

// PickFiles lets a person choose files.
func (s *Shell) PickFiles(then func(paths []string)) {
	s.choose(widget.ChooseFiles, s.Text("ui.pick.files"), "", then)
}

// PickFolder lets a person choose a folder.
func (s *Shell) PickFolder(then func(paths []string)) {
	s.choose(widget.ChooseFolder, s.Text("ui.pick.folder"), "", then)
}

// PickSave lets a person choose where to write a file; name is the proposal.
func (s *Shell) PickSave(name string, then func(path string)) {
	s.choose(widget.ChooseSave, s.Text("ui.pick.save"), name, func(paths []string) {
		if len(paths) == 1 {
			then(paths[0])
		}
	})
}

func (s *Shell) choose(mode widget.ChooserMode, title, name string, then func([]string)) {
	start := s.state.Folder
	if info, err := os.Stat(start); err != nil || !info.IsDir() {
		if start, err = os.UserHomeDir(); err != nil {
			start = "/"
		}
	}
	widget.ShowChooser(widget.ChooserParams{
		Window: s.window, Mode: mode, Title: title, Start: start, Name: name, Text: s.Text, Post: s.Post,
		Then: func(paths []string) {
			if len(paths) > 0 {
				s.state.Folder = filepath.Dir(paths[0])
			}
			then(paths)
		},
	})
}

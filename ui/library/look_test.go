package library

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/core"
	"kakoi/ui/theme"
)

func TestLook(t *testing.T) {
	out := os.Getenv("LOOK")
	if out == "" {
		return
	}
	w := newWorld(t)
	dir := w.samples()
	w.file("broken.pdf", "no pdf at all")
	w.file("空.txt", "")
	for _, c := range []struct {
		lang, mode string
		percent    int
	}{{"ja", theme.Light, 100}, {"en", theme.Dark, 150}} {
		a := test.NewTempApp(t)
		a.Settings().SetTheme(theme.New(c.mode, c.percent, fonts(t)))
		w.lang = c.lang
		s := w.screen()
		win := test.NewTempWindow(t, s.Build())
		w.window = win
		win.SetPadded(false)
		win.Resize(fyne.NewSize(900, 640))
		shot := func(name string) {
			s.root.Refresh()
			f, err := os.Create(filepath.Join(out, c.lang+"-"+name+".png"))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, win.Canvas().Capture()); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		s.Shown()
		w.until("loaded", func() bool { return s.m.list.loaded })
		if c.lang == "ja" {
			shot("empty")
		}
		s.Drop([]string{dir})
		w.until("bar", func() bool {
			return len(s.m.adding.tasks) > 0 && s.m.adding.tasks[0].count.Files > 3 || len(s.m.adding.tasks) == 0
		})
		shot("adding")
		w.until("added", func() bool { return len(s.m.adding.tasks) == 0 })
		w.until("listed", func() bool { return len(s.m.list.all) == 12 })
		s.m.list.goTo(2, wayOnly)
		s.m.list.goTo(4, wayExtend)
		s.table.table.SetCursor(4)
		shot("table")
		s.m.adding.dismiss()
		s.m.list.sortBy(columnState)
		s.m.list.goTo(0, wayOnly)
		s.Focus()
		shot("failed")
		s.m.list.setFilter("pdf")
		for i, r := range s.m.list.rows {
			if r.doc.State == core.DocumentReady {
				s.m.list.goTo(i, wayOnly)
				s.m.opened.open(r.doc, 1, app.Span{Start: 20, End: 60})
				break
			}
		}
		w.until("page", func() bool { return s.m.opened.view != nil })
		shot("page")
		s.back()
		s.m.list.setFilter("")
		s.m.folders.link(dir)
		s.m.show(partFolders)
		w.until("linked", func() bool {
			return len(s.m.folders.all) == 1 && !s.m.folders.checking[s.m.folders.all[0].ID] && !s.m.folders.all[0].Checked.IsZero()
		})
		shot("folders")
		s.m.show(partCollections)
		shot("collections")
		s.m.show(partHealth)
		shot("health")
		s.m.show(partSearch)
		s.m.search.run("避難場所はどこですか")
		w.until("found", func() bool { return !s.m.search.busy })
		shot("search")
		s.m.show(partDocuments)
	}
}

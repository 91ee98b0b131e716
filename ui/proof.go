package ui

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// showProof shows how this process is closed and what was tried to get out.
func (s *Shell) showProof() {
	p := s.p.Proof
	head := paragraph(s.Text("ui.proof.text", p.When.Local().Format("2006-01-02 15:04:05"), p.Refusals(), len(p.Attempts), p.Threads), 700, "")
	var lines []string
	for _, a := range p.Attempts {
		mark := "×"
		if !a.Refused {
			mark = "!"
		}
		lines = append(lines, mark+" "+a.What+": "+a.Error)
	}
	lines = append(lines, "")
	lines = append(lines, p.Filter...)
	list := fynewidget.NewLabel(strings.Join(lines, "\n"))
	list.TextStyle.Monospace, list.Selectable = true, true
	var panel *widget.Panel
	end := widget.NewButton(s.Text("ui.close"), nil, func() { panel.Close() })
	buttons := []*widget.Button{end}
	if s.services != nil && s.services.Report != nil {
		buttons = []*widget.Button{widget.NewButton(s.Text("proof.report"), nil, func() {
			panel.Close()
			s.PickSave("kakoi-report-"+time.Now().Format("2006-01-02")+".pdf", s.writeReport)
		}), end}
	}
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: s.window.Canvas(), Title: s.Text("ui.proof.title"), Buttons: buttons, Focus: end, Size: fyne.NewSize(760, 520),
		Content: container.NewBorder(head, nil, nil, nil, container.NewScroll(list)),
	})
}

// writeReport tries everything anew, writes what came of it into a file, as JSON where its name ends so and as PDF otherwise, and says it plainly.
func (s *Shell) writeReport(path string) {
	if !slices.Contains([]string{".pdf", ".json"}, strings.ToLower(filepath.Ext(path))) {
		path += ".pdf"
	}
	report, lang := s.services.Report, s.Lang()
	var panel *widget.Panel // it takes seconds, on a busy machine a minute; closed, it goes on
	end := widget.NewButton(s.Text("ui.close"), nil, func() { panel.Close() })
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: s.window.Canvas(), Title: s.Text("proof.report.title"), Buttons: []*widget.Button{end}, Focus: end, Size: fyne.NewSize(560, 0),
		Content: container.NewVBox(paragraph(s.Text("proof.writing"), 520, ""), fynewidget.NewProgressBarInfinite()),
	})
	s.Go(func(ctx context.Context) {
		failed, err := report(ctx, path, lang)
		s.Post(func() {
			if panel.Close(); err == nil {
				s.showReport(path, failed)
			}
		})
		if err != nil {
			s.ShowError(err)
		}
	})
}

// showReport says what a report came to.
func (s *Shell) showReport(path string, failed []string) {
	if s.locked() {
		return
	}
	lines := []string{s.Text("cli.doctor.report_good", path)}
	if len(failed) > 0 {
		lines = []string{s.Text("cli.doctor.report_bad", path)}
		for _, f := range failed {
			lines = append(lines, "·  "+s.Text("report.fail."+f))
		}
	}
	var panel *widget.Panel
	end := widget.NewButton(s.Text("ui.close"), nil, func() { panel.Close() })
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: s.window.Canvas(), Title: s.Text("proof.report.title"), Buttons: []*widget.Button{end}, Focus: end, Size: fyne.NewSize(560, 0),
		Content: paragraph(strings.Join(lines, "\n"), 520, ""),
	})
}

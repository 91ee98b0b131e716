package help

import (
	"bytes"
	"image"
	"image/color"
	_ "image/png" // the pictures of docs/screenshots
	"io/fs"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/docs"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

const margin = 20 // beside the text

func (s *Screen) keys() []string {
	keys := make([]string, len(s.m.rows))
	for i, r := range s.m.rows {
		keys[i] = r.id
	}
	return keys
}

// guess is about how high a row will be: the roll measures it once it is in sight.
func (s *Screen) guess(i int, width float32) float32 {
	line := s.look.body.Line()
	switch r := s.m.rows[i]; {
	case r.title != "":
		return 2.5 * s.look.top.Line()
	case r.group != nil:
		return float32(len(r.group.lines)+2) * (line + 8)
	case r.block.kind == picture:
		return width * 0.6
	default:
		return line*float32(s.look.body.Lines(r.block.text(), max(width-2*margin, 1), 20)) + 12
	}
}

// make makes a row's widget.
func (s *Screen) make(i int) fyne.CanvasObject {
	r := s.m.rows[i]
	switch {
	case r.title != "":
		return widget.NewInset(margin, 24, margin, 8, nil, s.prose(s.look.top, []span{{text: r.title, bold: true}}, ""))
	case r.group != nil:
		return s.keyTable(r.group)
	}
	b := r.block
	switch b.kind {
	case heading:
		ruler, above := s.look.head, float32(26)
		if b.level == 1 {
			ruler, above = s.look.top, 34
		}
		spans := make([]span, len(b.spans))
		for i, part := range b.spans {
			spans[i] = span{text: part.text, bold: true}
		}
		return widget.NewInset(margin, above, margin, 8, nil, s.prose(ruler, spans, ""))
	case item:
		return widget.NewInset(margin+4, 3, margin, 3, nil, widget.NewHanging(26*s.look.scale, s.prose(s.look.body, []span{{text: b.label}}, theme.ColorSecondary), s.prose(s.look.body, b.spans, "")))
	case picture:
		return s.picture(b)
	}
	return widget.NewInset(margin, 5, margin, 7, nil, s.prose(s.look.body, b.spans, ""))
}

// prose makes a text, with what is looked for marked.
func (s *Screen) prose(ruler *widget.Ruler, spans []span, color fyne.ThemeColorName) *widget.Prose {
	var runs []widget.Run
	for _, sp := range spans {
		for _, p := range s.m.mark(sp.text) {
			run := widget.Run{Text: p.text, Bold: sp.bold, Color: color}
			if sp.code {
				run.Back = theme.ColorQuestion
			}
			if p.found {
				run.Back = theme.ColorMark
			}
			runs = append(runs, run)
		}
	}
	return widget.NewProse(ruler, runs...)
}

// keyTable shows the shortcuts of a screen.
func (s *Screen) keyTable(g *keyGroup) fyne.CanvasObject {
	lines := []fyne.CanvasObject{s.prose(s.look.body, []span{{text: g.title, bold: true}}, theme.ColorSecondary)}
	for _, l := range g.lines {
		lines = append(lines, widget.NewHanging(170*s.look.scale, s.caps(l.keys), s.prose(s.look.body, []span{{text: l.text}}, "")))
	}
	return widget.NewInset(margin, 8, margin, 10, nil, widget.NewColumn(6, lines...))
}

// caps draws "Ctrl+K" as keys.
func (s *Screen) caps(keys string) fyne.CanvasObject {
	var caps []fyne.CanvasObject
	for _, k := range splitKeys(keys) {
		back := widget.NewPanelBack(fynetheme.ColorNameButton)
		back.CornerRadius = 4
		text := s.prose(s.look.small, []span{{text: k}}, "")
		width := s.look.small.Width(k, false) + 12
		caps = append(caps, fixed{widget.NewInset(6, 1, 0, 2, back, text), width}.object())
	}
	return widget.NewFlow(4, caps...)
}

// splitKeys parts "Ctrl++" into Ctrl and +.
func splitKeys(keys string) []string {
	if rest, ok := strings.CutSuffix(keys, "++"); ok {
		return append(strings.Split(rest, "+"), "+")
	}
	return strings.Split(keys, "+")
}

// fixed gives an object a width.
type fixed struct {
	box   *widget.Box
	width float32
}

func (f fixed) object() fyne.CanvasObject {
	return &fyne.Container{Layout: f, Objects: []fyne.CanvasObject{f.box}}
}

func (f fixed) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(f.width, f.box.HeightFor(f.width))
}

func (f fixed) Layout(objects []fyne.CanvasObject, size fyne.Size) { objects[0].Resize(size) }

// picture shows a picture of the window in the theme that is on; its caption alone where it is none that can be shown.
func (s *Screen) picture(b block) fyne.CanvasObject {
	caption := s.prose(s.look.small, b.spans, theme.ColorSecondary)
	raw := readPicture(docs.Files, b.file, dark())
	size, _, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return widget.NewInset(margin, 4, margin, 4, nil, caption)
	}
	shown := canvas.NewImageFromResource(fyne.NewStaticResource(b.file, raw))
	shown.FillMode, shown.ScaleMode = canvas.ImageFillContain, canvas.ImageScaleSmooth
	frame := newFramed(shown, float32(size.Height)/float32(size.Width))
	return widget.NewInset(margin, 10, margin, 12, nil, widget.NewColumn(4, frame, caption))
}

// readPicture finds a picture in the theme that is on, else as the guide names it; nil: there is none. The guide reads well without.
func readPicture(files fs.FS, file string, dark bool) []byte {
	names := []string{file}
	if dark {
		names = []string{strings.Replace(file, "-light", "-dark", 1), file}
	}
	for _, name := range names {
		if raw, err := fs.ReadFile(files, "screenshots/"+name); err == nil {
			return raw
		}
	}
	return nil
}

// dark says whether the text is light on dark.
func dark() bool {
	settings := fyne.CurrentApp().Settings()
	r, g, b, _ := settings.Theme().Color(fynetheme.ColorNameBackground, settings.ThemeVariant()).RGBA()
	return r+g+b < 3*0x8000
}

// framed keeps a picture's shape, and draws an edge around it: the window in the picture has the background of the one around it.
type framed struct {
	fynewidget.BaseWidget
	picture *canvas.Image
	shape   float32 // height by width
}

func newFramed(picture *canvas.Image, shape float32) *framed {
	f := &framed{picture: picture, shape: shape}
	f.ExtendBaseWidget(f)
	return f
}

// HeightFor is the height in a width.
func (f *framed) HeightFor(width float32) float32 { return width * f.shape }

// MinSize is fyne.CanvasObject.
func (f *framed) MinSize() fyne.Size { return fyne.NewSize(40, 40*f.shape) }

// CreateRenderer is fyne.Widget.
func (f *framed) CreateRenderer() fyne.WidgetRenderer {
	settings := fyne.CurrentApp().Settings()
	edge := canvas.NewRectangle(color.Transparent)
	edge.StrokeWidth, edge.StrokeColor = 1, settings.Theme().Color(fynetheme.ColorNameInputBorder, settings.ThemeVariant())
	return fynewidget.NewSimpleRenderer(container.NewStack(f.picture, edge))
}

package widget

import (
	"sort"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/amount"
	"kakoi/ui/theme"
)

func (v *chooserView) newRow() fyne.CanvasObject { return newRowBox() }

func (v *chooserView) fillRow(i int, o fyne.CanvasObject) {
	row := o.(*rowBox)
	if i >= len(v.c.rows) {
		return
	}
	e := v.c.rows[i]
	marked := v.c.marked[e.name]
	icon, size := fynetheme.FolderIcon(), ""
	if !e.folder {
		icon, size = fynetheme.FileIcon(), amount.Bytes(e.size)
	}
	if v.c.markable(e) {
		if marked {
			icon = fynetheme.CheckButtonCheckedIcon()
		}
	}
	row.set(rowText{icon: icon, name: e.name, size: size, date: e.modified.Format("2006-01-02 15:04"), dim: !e.folder && v.c.mode == ChooseSave})
	row.setState(i == v.c.cursor, marked, v.list.focused)
	row.onTap = func() {
		held := heldModifiers()
		v.focusList()
		v.c.click(i, held&fyne.KeyModifierControl != 0, held&fyne.KeyModifierShift != 0, time.Now())
	}
}

func (v *chooserView) newPlace() fyne.CanvasObject { return newRowBox() }

func (v *chooserView) fillPlace(i int, o fyne.CanvasObject) {
	row := o.(*rowBox)
	if i >= len(v.c.places) {
		return
	}
	p := v.c.places[i]
	name := p.name
	if p.key != "" {
		name = v.c.text(p.key)
	}
	icons := map[placeKind]fyne.Resource{
		placeHome: fynetheme.HomeIcon(), placeFolder: fynetheme.FolderIcon(), placeMedia: fynetheme.StorageIcon(),
		placeRoot: fynetheme.ComputerIcon(), placeRecent: fynetheme.HistoryIcon(),
	}
	row.set(rowText{icon: icons[p.kind], name: name})
	row.setState(i == v.place && v.places.focused, p.path == v.c.folder, v.places.focused)
	row.onTap = func() { v.goPlace(i) }
}

// rowText is what a row says.
type rowText struct {
	icon       fyne.Resource
	name       string
	size, date string
	dim        bool
}

// rowBox is a row: an icon, a name cut in its middle when it is too long, a size and a date where there is room.
type rowBox struct {
	fynewidget.BaseWidget
	text                    rowText
	cursor, marked, focused bool
	header                  bool
	onTap                   func()

	back             *canvas.Rectangle
	icon             *fynewidget.Icon
	name, size, date *canvas.Text
}

func newRowBox() *rowBox {
	r := &rowBox{
		back: canvas.NewRectangle(nil), icon: fynewidget.NewIcon(nil),
		name: canvas.NewText("", nil), size: canvas.NewText("", nil), date: canvas.NewText("", nil),
	}
	r.size.Alignment = fyne.TextAlignTrailing
	r.ExtendBaseWidget(r)
	return r
}

func (r *rowBox) set(t rowText) { r.text = t }

// setHeader makes it the line over the columns.
func (r *rowBox) setHeader(name, size, date string) {
	r.header = true
	r.set(rowText{name: name, size: size, date: date})
	r.Refresh()
}

func (r *rowBox) setState(cursor, marked, focused bool) {
	r.cursor, r.marked, r.focused = cursor, marked, focused
	r.Refresh()
}

// Tapped is fyne.Tappable.
func (r *rowBox) Tapped(*fyne.PointEvent) {
	if r.onTap != nil {
		r.onTap()
	}
}

// CreateRenderer is fyne.Widget.
func (r *rowBox) CreateRenderer() fyne.WidgetRenderer {
	view := &rowRenderer{r}
	view.Refresh()
	return view
}

type rowRenderer struct{ r *rowBox }

func (v *rowRenderer) Destroy() {}
func (v *rowRenderer) Objects() []fyne.CanvasObject {
	r := v.r
	return []fyne.CanvasObject{r.back, r.icon, r.name, r.size, r.date}
}

const (
	rowGap     = 8
	narrowRow  = 330 // below, a row has no date
	minNameRow = 80
)

func (v *rowRenderer) MinSize() fyne.Size {
	th := v.r.Theme()
	height := max(fyne.MeasureText("漢g", th.Size(fynetheme.SizeNameText), fyne.TextStyle{}).Height, th.Size(fynetheme.SizeNameInlineIcon))
	return fyne.NewSize(th.Size(fynetheme.SizeNameInlineIcon)+minNameRow, height+4)
}

func (v *rowRenderer) Layout(size fyne.Size) {
	r := v.r
	th := r.Theme()
	icon := th.Size(fynetheme.SizeNameInlineIcon)
	r.back.Move(fyne.NewPos(2, 0))
	r.back.Resize(fyne.NewSize(max(size.Width-4, 0), size.Height)) // room for the cursor's edge
	r.icon.Resize(fyne.NewSquareSize(icon))
	r.icon.Move(fyne.NewPos(rowGap, (size.Height-icon)/2))
	left, right := icon+2*rowGap, size.Width-rowGap
	place := func(t *canvas.Text, widest string) {
		width := fyne.MeasureText(widest, t.TextSize, t.TextStyle).Width
		right -= width
		t.Resize(fyne.NewSize(width, t.MinSize().Height))
		t.Move(fyne.NewPos(right, (size.Height-t.MinSize().Height)/2))
		right -= 2 * rowGap
		t.Show()
	}
	r.size.Hide()
	r.date.Hide()
	scale := th.Size(fynetheme.SizeNameText) / 14
	if r.text.date != "" && size.Width > narrowRow*scale {
		place(r.date, "2026-12-28 00:00")
	}
	if r.text.date != "" {
		place(r.size, "888.88 GB")
	}
	r.name.Text = cutMiddle(r.text.name, r.name.TextSize, r.name.TextStyle, max(right-left, minNameRow))
	r.name.Resize(fyne.NewSize(max(right-left, 0), r.name.MinSize().Height))
	r.name.Move(fyne.NewPos(left, (size.Height-r.name.MinSize().Height)/2))
}

func (v *rowRenderer) Refresh() {
	r := v.r
	th, variant := r.Theme(), fyne.CurrentApp().Settings().ThemeVariant()
	r.back.CornerRadius = th.Size(fynetheme.SizeNameSelectionRadius)
	r.back.FillColor, r.back.StrokeColor, r.back.StrokeWidth = nil, nil, 0
	if r.marked {
		r.back.FillColor = th.Color(fynetheme.ColorNameSelection, variant)
	}
	if r.cursor {
		r.back.StrokeColor, r.back.StrokeWidth = th.Color(fynetheme.ColorNameSeparator, variant), 1
		if r.focused {
			r.back.StrokeColor, r.back.StrokeWidth = th.Color(fynetheme.ColorNamePrimary, variant), 2
		}
	}
	r.icon.SetResource(r.text.icon)
	quiet := th.Color(theme.ColorSecondary, variant)
	r.name.Color, r.name.TextSize = th.Color(fynetheme.ColorNameForeground, variant), th.Size(fynetheme.SizeNameText)
	if r.text.dim || r.header {
		r.name.Color = quiet
	}
	if r.header {
		r.name.TextSize = th.Size(fynetheme.SizeNameCaptionText)
	}
	for _, t := range []*canvas.Text{r.size, r.date} {
		t.Color, t.TextSize = quiet, th.Size(fynetheme.SizeNameCaptionText)
	}
	r.size.Text, r.date.Text = r.text.size, r.text.date
	v.Layout(r.Size())
	canvas.Refresh(r)
}

// cutMiddle shortens a name to a width; its end, which tells the kind of a file, stays.
func cutMiddle(name string, size float32, style fyne.TextStyle, width float32) string {
	if fyne.MeasureText(name, size, style).Width <= width {
		return name
	}
	runes := []rune(name)
	const end = 8
	cut := func(keep int) string {
		tail := min(end, keep/2)
		return string(runes[:keep-tail]) + "…" + string(runes[len(runes)-tail:])
	}
	n := sort.Search(len(runes), func(keep int) bool { return fyne.MeasureText(cut(keep), size, style).Width > width })
	return cut(max(n-1, 0))
}

// fixedWidth lays a text out in a width, as high as it then is.
type fixedWidth float32

func (w fixedWidth) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(float32(w), objects[0].MinSize().Height)
}

func (w fixedWidth) Layout(objects []fyne.CanvasObject, size fyne.Size) { objects[0].Resize(size) }

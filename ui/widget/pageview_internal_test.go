package widget

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"kakoi/ui/theme"
)

// fonts are those that set-up fetched: golden images need the same everywhere.
func fonts(t testing.TB) theme.Fonts {
	t.Helper()
	dir := os.Getenv("KAKOI_FONTS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(cache, "kakoi-build", "fonts")
	}
	f := theme.LoadFonts(dir)
	if f.Regular == nil {
		t.Fatalf("no fonts in %q: run make setup", dir)
	}
	return f
}

func pageWindow(t testing.TB, size fyne.Size) (*PageView, fyne.Window) {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(theme.Light, 100, fonts(t)))
	v := NewPageView()
	w := test.NewTempWindow(t, v)
	w.SetPadded(false)
	w.Resize(size)
	return v, w
}

// sheetOfPaper is a picture with grey lines of text on it.
func sheetOfPaper(width, height int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	for y := 20; y < height-20; y += 12 {
		draw.Draw(img, image.Rect(20, y, width-20-y%60, y+5), image.NewUniform(color.Gray{90}), image.Point{}, draw.Src)
	}
	return img
}

func marked() Page {
	return Page{
		Key: "a 2", Position: "2 / 3", Picture: sheetOfPaper(200, 280),
		Marks: []image.Rectangle{image.Rect(60, 150, 180, 158), image.Rect(20, 162, 90, 170)}, Frames: []image.Rectangle{image.Rect(18, 120, 182, 200)},
	}
}

func TestPageViewGolden(t *testing.T) {
	v, w := pageWindow(t, fyne.NewSize(260, 330))
	v.SetPage(marked())
	test.AssertImageMatches(t, "pageview_picture.png", w.Canvas().Capture())

	text := "第1条 この規程は、旅費について定める。\n第2条 出張の旅費は、実費とする。ただし、宿泊費は一泊12,000円を上限とする。\n\nArticle 3. Trips are approved by the head of the department."
	v.SetPage(Page{
		Key: "b", Position: "1 / 1", First: true, Last: true, Note: "元のファイルが見つからないため、保存されている文章を表示しています。",
		Text: text, TextMarks: []Stretch{stretch(text, "宿泊費は一泊12,000円を上限とする。")}, TextParts: []int{0, stretch(text, "Article").Start},
	})
	test.AssertImageMatches(t, "pageview_text.png", w.Canvas().Capture())
}

func TestPageViewScrollsToTheFirstMark(t *testing.T) {
	v, _ := pageWindow(t, fyne.NewSize(300, 200))
	p := marked()
	v.SetPage(p)
	first := v.picture.spot(p.Marks[0])
	if top := v.picture.scroll.Offset.Y; first.top < top || first.top+first.height > top+v.picture.room.Height || top == 0 {
		t.Errorf("the mark is at %v, in sight are %v and %v below", first, top, v.picture.room.Height)
	}
	// A finer picture of the same page changes nothing but the picture.
	v.picture.to(fyne.NewPos(0, 17))
	p.Picture, p.Marks, p.Frames = sheetOfPaper(400, 560), []image.Rectangle{image.Rect(120, 300, 360, 316)}, nil
	v.SetPage(p)
	if v.picture.scroll.Offset.Y != 17 || v.picture.spot(p.Marks[0]) != first {
		t.Errorf("scrolled to %v, mark at %v; before 17 and %v", v.picture.scroll.Offset, v.picture.spot(p.Marks[0]), first)
	}
	p.Key = "a 3"
	p.Marks = nil
	v.SetPage(p)
	if v.picture.scroll.Offset.Y != 0 {
		t.Errorf("another page begins at %v", v.picture.scroll.Offset)
	}
}

// A page that nobody has moved yet shows its mark in whatever size the view is given; one that is being read stays where it is.
func TestPageViewKeepsTheMarkInSightWhileResized(t *testing.T) {
	text, mark := long()
	for kind, p := range map[string]Page{"picture": marked(), "text": {Key: "t", Text: text, TextMarks: []Stretch{mark}}} {
		v, w := pageWindow(t, fyne.NewSize(120, 160))
		v.SetPage(p)
		inSight := func() bool {
			top, height := v.offset(), v.body().Height
			if kind == "picture" {
				s := v.picture.spot(p.Marks[0])
				return s.top >= top && s.top+s.height <= top+height
			}
			at := slices.IndexFunc(v.text.blocks, func(b block) bool { return mark.Start < b.End })
			row, ok := v.text.roll.Row(v.text.key(at)).(*pageRow)
			if !ok {
				return false
			}
			y := row.Position().Y + float32(row.prose.lineOf(mark.Start-v.text.blocks[at].Start, nil, 0))*v.text.ruler.Line()
			return y >= top && y <= top+height
		}
		for _, size := range []fyne.Size{fyne.NewSize(300, 160), fyne.NewSize(520, 400), fyne.NewSize(220, 300)} {
			w.Resize(size)
			if !inSight() {
				t.Errorf("%s: at %v the mark is out of sight, %v down", kind, size, v.offset())
			}
		}
		keys(v, fyne.KeyHome)
		w.Resize(fyne.NewSize(400, 300))
		if v.offset() != 0 {
			t.Errorf("%s: a person went to the top and is at %v", kind, v.offset())
		}
	}
}

func TestPageViewZooms(t *testing.T) {
	v, w := pageWindow(t, fyne.NewSize(300, 400))
	var finer []float32
	v.OnFiner = func(times float32) { finer = append(finer, times) }
	p := marked()
	v.SetPage(p)
	if len(finer) != 1 || finer[0] < 1.3 || finer[0] > 1.5 {
		t.Errorf("a picture 200 pixels wide in a view of 300: finer %v", finer)
	}
	width := v.picture.paper().Width
	w.Canvas().Focus(v)
	ctrl := func(key fyne.KeyName) {
		v.TypedShortcut(&desktop.CustomShortcut{KeyName: key, Modifier: fyne.KeyModifierControl})
	}
	ctrl(fyne.KeyPlus)
	ctrl(fyne.KeyEqual)
	if got := v.picture.paper().Width; got != width*1.5 || len(finer) != 3 {
		t.Errorf("twice larger is %v, was %v; finer %v", got, width, finer)
	}
	ctrl(fyne.KeyMinus)
	ctrl(fyne.Key0)
	if got := v.picture.paper().Width; got != width {
		t.Errorf("fitted is %v, was %v", got, width)
	}
	// The wheel with Ctrl keeps what is under the pointer there.
	v.modifiers = func() fyne.KeyModifier { return fyne.KeyModifierControl }
	at := fyne.NewPos(200, 150)
	under := func() fyne.Position {
		spot := v.picture.spot(p.Marks[0])
		return fyne.NewPos((v.picture.scroll.Offset.X+at.X-spot.left)/v.picture.paper().Width, (v.picture.scroll.Offset.Y+at.Y-spot.top)/v.picture.paper().Width)
	}
	before := under()
	wheel := &fyne.ScrollEvent{PointEvent: fyne.PointEvent{Position: at}, Scrolled: fyne.NewDelta(0, 10)}
	v.wheel.Scrolled(wheel)
	v.wheel.Scrolled(wheel)
	if after := under(); v.zoom != 1.5 || after.Subtract(before).X > 0.02 || before.Subtract(after).X > 0.02 || after.Subtract(before).Y > 0.02 || before.Subtract(after).Y > 0.02 {
		t.Errorf("under the pointer was %v, is %v at zoom %v", before, after, v.zoom)
	}
	for range 30 {
		v.Zoom(1)
	}
	if largest := v.picture.paper().Width; largest != 4*width {
		t.Errorf("largest is %v, want 4 times %v", largest, width)
	}
	v.modifiers = func() fyne.KeyModifier { return 0 }
	offset := v.picture.scroll.Offset.Y
	wheel.Scrolled = fyne.NewDelta(0, -10)
	v.wheel.Scrolled(wheel)
	if v.zoom != 4 || v.picture.scroll.Offset.Y <= offset {
		t.Error("the wheel alone does not scroll")
	}
}

func keys(v *PageView, names ...fyne.KeyName) {
	for _, n := range names {
		v.TypedKey(&fyne.KeyEvent{Name: n})
	}
}

// A document can be read from its first line to its last with one key, and back.
func TestPageViewReadsThroughWithOneKey(t *testing.T) {
	for _, kind := range []string{"picture", "text"} {
		v, _ := pageWindow(t, fyne.NewSize(300, 200))
		number := 1
		set := func() {
			p := Page{Key: fmt.Sprint(number), First: number == 1, Last: number == 3, Position: fmt.Sprintf("%d / 3", number)}
			if kind == "picture" {
				p.Picture = sheetOfPaper(200, 280)
			} else {
				p.Text = strings.Repeat(fmt.Sprintf("Line of page %d.\n", number), 40)
			}
			v.SetPage(p)
		}
		var turns []int
		v.OnTurn = func(by int) {
			turns = append(turns, by)
			number += by
			set()
		}
		set()
		if v.back.Disabled() != true || v.on.Disabled() {
			t.Errorf("%s: on the first page back is disabled: %v, on: %v", kind, v.back.Disabled(), v.on.Disabled())
		}
		offset := func() float32 {
			if kind == "picture" {
				return v.picture.scroll.Offset.Y
			}
			return v.text.roll.Offset()
		}
		for range 30 {
			keys(v, fyne.KeyPageDown)
		}
		if !slices.Equal(turns, []int{1, 1}) || number != 3 || !v.on.Disabled() || offset() == 0 {
			t.Errorf("%s: turned %v, at page %d, %v down", kind, turns, number, offset())
		}
		end := offset()
		keys(v, fyne.KeyHome)
		if offset() != 0 {
			t.Errorf("%s: Home goes to %v", kind, offset())
		}
		keys(v, fyne.KeyPageUp)
		if number != 2 || offset() != end {
			t.Errorf("%s: going back comes to page %d at %v, want its end %v", kind, number, offset(), end)
		}
		keys(v, fyne.KeyHome, fyne.KeyDown, fyne.KeyDown, fyne.KeyUp)
		if offset() != lineStep {
			t.Errorf("%s: down, down, up comes to %v", kind, offset())
		}
		keys(v, fyne.KeyEnd)
		if offset() != end {
			t.Errorf("%s: End goes to %v, want %v", kind, offset(), end)
		}
		keys(v, fyne.KeyLeft, fyne.KeyRight, fyne.KeyRight)
		if number != 3 || offset() != 0 {
			t.Errorf("%s: left, right, right comes to page %d at %v", kind, number, offset())
		}
		test.Tap(v.back)
		if number != 2 {
			t.Errorf("%s: the button goes to page %d", kind, number)
		}
	}
}

// long is a text of 100,000 characters with one sentence that stands in it once, and where.
func long() (string, Stretch) {
	line := "この規程は、従業員の出張に関する旅費の支給について定めるものとする。"
	var b strings.Builder
	for i := range 2900 {
		b.WriteString(line)
		if i%3 == 0 {
			b.WriteByte('\n')
		}
		if i == 2000 {
			b.WriteString("宿泊費の上限は一泊12,000円である。")
		}
	}
	text := b.String()
	return text, stretch(text, "宿泊費の上限は一泊12,000円である。")
}

// stretch is where part stands in text.
func stretch(text, part string) Stretch {
	before, _, _ := strings.Cut(text, part)
	start := len([]rune(before))
	return Stretch{start, start + len([]rune(part))}
}

func TestPageViewOfALongText(t *testing.T) {
	v, _ := pageWindow(t, fyne.NewSize(500, 400))
	text, mark := long()
	v.SetPage(Page{Key: "long", Text: text, TextMarks: []Stretch{mark}})
	// What is in sight holds the mark, whole, and little else exists.
	found, blocks := "", 0
	v.text.roll.Each(func(_ string, o fyne.CanvasObject) {
		blocks++
		prose := o.(*pageRow).prose
		for _, run := range prose.runs {
			if run.Back == theme.ColorMark {
				found += run.Text
				line := prose.lineOf(len([]rune(prose.runs[0].Text)), nil, 0)
				y := o.Position().Y + float32(line)*v.text.ruler.Line() - v.text.roll.Offset()
				if y < 0 || y > v.text.roll.Size().Height-v.text.ruler.Line() {
					t.Errorf("the mark is at %v of %v", y, v.text.roll.Size().Height)
				}
			}
		}
	})
	if found != "宿泊費の上限は一泊12,000円である。" || blocks > 8 {
		t.Errorf("marked is %q, %d blocks exist", found, blocks)
	}
	// The blocks are the text, but for the line ends between them.
	var whole []rune
	for i, b := range v.text.blocks {
		if i > 0 && b.Start > v.text.blocks[i-1].End {
			whole = append(whole, '\n')
		}
		whole = append(whole, v.text.text[b.Start:b.End]...)
	}
	if string(whole) != text {
		t.Errorf("blocks hold %d characters of %d", len(whole), len([]rune(text)))
	}
	v.Zoom(1)
	if v.text.ruler.Size <= 14 {
		t.Errorf("larger text is %v", v.text.ruler.Size)
	}
}

func TestPageViewCopiesWhatIsSelected(t *testing.T) {
	v, w := pageWindow(t, fyne.NewSize(400, 300))
	v.SetPage(Page{Key: "a", Text: "Alpha beta gamma.", TextMarks: []Stretch{{0, 5}}, TextParts: []int{0}})
	row := v.text.roll.Row(v.text.key(0)).(*pageRow)
	at := func(x float32) *desktop.MouseEvent {
		return &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, 5)}, Button: desktop.MouseButtonPrimary}
	}
	row.prose.MouseDown(at(0))
	row.prose.Dragged(&fyne.DragEvent{PointEvent: at(1000).PointEvent})
	row.prose.DragEnd()
	if w.Canvas().Focused() != v {
		t.Errorf("the focus is on %T", w.Canvas().Focused())
	}
	v.TypedShortcut(&fyne.ShortcutCopy{})
	if got := fyne.CurrentApp().Clipboard().Content(); got != "Alpha beta gamma." {
		t.Errorf("copied %q", got)
	}
}

// The screen around the view sees keys first, and Escape is its own.
func TestPageViewLeavesKeysToItsScreen(t *testing.T) {
	v, _ := pageWindow(t, fyne.NewSize(400, 300))
	v.SetPage(marked())
	v.picture.to(fyne.Position{})
	seen, escaped := []fyne.KeyName{}, 0
	v.OnKey = func(e *fyne.KeyEvent) bool {
		seen = append(seen, e.Name)
		return e.Name == fyne.KeyEnd
	}
	v.OnEscape = func() { escaped++ }
	keys(v, fyne.KeyEnd, fyne.KeyEscape)
	if len(seen) != 2 || escaped != 1 || v.picture.scroll.Offset.Y != 0 {
		t.Errorf("seen %v, escape %d times, scrolled to %v", seen, escaped, v.picture.scroll.Offset)
	}
}

// Showing a text of 100,000 characters at its mark, and scrolling in it.
func BenchmarkPageViewLongText(b *testing.B) {
	v, _ := pageWindow(b, fyne.NewSize(500, 700))
	text, mark := long()
	b.Run("open", func(b *testing.B) {
		for i := range b.N {
			v.SetPage(Page{Key: fmt.Sprint(i), Text: text, TextMarks: []Stretch{mark}})
		}
	})
	b.Run("scroll", func(b *testing.B) {
		for i := range b.N {
			v.text.roll.ToOffset(float32(i * 97 % 50000))
		}
	})
}

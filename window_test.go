//go:build window

package kakoi

// The window as a person at a desk meets it: one run on a screen of its own, with a real keyboard, a real mouse and files
// dragged in from another program. What happened is asked from the command line beside it. make test-window runs it;
// make screenshots lets it take the pictures of docs/screenshots on its way.

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/weights"
	"kakoi/ui/uitest"
)

func TestWindow(t *testing.T) {
	d := &desk{Desktop: uitest.Start(t), t: t, data: filepath.Join(t.TempDir(), "kakoi")}
	if os.Getenv("KAKOI_SHOTS") != "" { // a path that looks well in a picture
		d.data = filepath.Join(os.TempDir(), "kakoi")
		if err := os.Mkdir(d.data, 0o700); err != nil {
			t.Fatalf("%v (it is left over; remove it)", err)
		}
		t.Cleanup(func() {
			if err := os.RemoveAll(d.data); err != nil {
				t.Error(err)
			}
		})
	}
	d.open()
	defer d.close()
	for _, step := range []struct {
		what string
		play func(*desk)
	}{
		{"welcome", (*desk).welcome},
		{"answers", (*desk).answers},
		{"drops", (*desk).drops},
		{"removal", (*desk).removal},
		{"settings", (*desk).settings},
		{"help and palette", (*desk).help},
		{"second start", (*desk).second},
		{"models", (*desk).models},
		{"engine dies while answering", (*desk).deathAnswering},
		{"engine dies while adding", (*desk).deathAdding},
		{"closed while adding", (*desk).closedAdding},
		{"without a mouse", (*desk).keyboardAlone},
	} {
		begun := time.Now()
		step.play(d)
		t.Logf("%s: %.1f s", step.what, time.Since(begun).Seconds())
	}
	d.Keys("ctrl+q")
	d.left()
}

// welcome goes through the first start by Enter alone, in Japanese, and takes the sample collection.
func (d *desk) welcome() {
	d.shots("welcome", "ja")
	d.shots("welcome", "en")
	d.guest("settings", "theme", "light")
	d.rests()
	for range 3 {
		d.Keys("Return")
		d.rests()
	}
	d.at(0)
	d.until("ten documents can be searched", 60*time.Second, func() bool {
		ready := 0
		for _, doc := range d.documents() {
			if doc.State == core.DocumentReady {
				ready++
			}
		}
		return ready == 10
	})
	d.rests()
}

// answers asks, is refused, looks at a source, marks wrong and corrects, and asks in another way.
func (d *desk) answers() {
	const tank, canteen = "KX-200のタンク容量はいくらですか。", "社員食堂の営業時間は何時までですか。"
	got := d.asks(tank)
	a := got.Answers[0].Answer
	if a.Refused || len(a.Citations) == 0 || !strings.Contains(a.Citations[0].Document, "KX-200") {
		d.fail("answer to %s: %+v", tank, a)
	}
	marked := func() bool { n, _ := d.Count(d.sources(), colorMark, 12); return n > 20 }
	d.until("the passage is marked on its page", 20*time.Second, marked)
	d.shots("chat", "ja")

	if got = d.asks(canteen); !got.Answers[0].Answer.Refused {
		d.fail("answered what stands nowhere: %+v", got.Answers[0].Answer)
	}
	d.until("the calm look of “not in the documents”", 20*time.Second, func() bool {
		n, _ := d.Count(d.transcript(), colorRefused, 0)
		return n > 3000
	})
	page := d.sources() // below the cards, which are white, too
	page.Min.Y = (page.Min.Y + page.Max.Y) / 2
	paper := func() bool { n, _ := d.Count(page, 0xffffff, 0); return n > 30_000 }
	d.until("the closest place, a text, took the page's room", 20*time.Second, func() bool { return !paper() })
	d.Keys("ctrl+Up", "ctrl+Up")
	d.rests()
	n, first := d.Count(d.transcript(), colorLink, 4)
	if n == 0 {
		d.fail("no citation in the transcript")
	}
	d.Click(first.X+6, first.Y+5)
	d.until("the clicked citation shows its page with the mark", 20*time.Second, func() bool { return paper() && marked() })
	d.Keys("ctrl+l", "ctrl+Down", "ctrl+Down", "ctrl+l")

	uncovered := d.plain()
	d.Keys("ctrl+shift+w")
	d.until("the editor of the correction lies over the window", 20*time.Second, func() bool { return d.plain() < uncovered/4 })
	d.rests()
	d.Type("午後2時までです。")
	d.Keys("Tab", "Tab", "Return")
	d.until("the correction is kept", 20*time.Second, func() bool {
		all := guestLines[record.Correction](d, "chat", "corrections")
		return len(all) == 1 && all[0].Answer == "午後2時までです。" && all[0].Question == canteen
	})
	d.until("the editor of the correction is closed", 20*time.Second, func() bool { return d.plain() > uncovered*3/4 })
	d.rests()

	const shelter = "避難場所はどこですか。"
	d.Keys("ctrl+e")
	d.rests()
	d.Keys("ctrl+a")
	if got = d.asks(shelter); len(got.Siblings) != 2 || got.Answers[0].Answer.Refused {
		d.fail("the edited question is no branch with an answer: %+v", got)
	}
	if os.Getenv("KAKOI_SHOTS") != "" {
		d.guest("settings", "language", "en")
		d.rests()
		d.Keys("ctrl+n")
		d.rests()
		d.asks("How long does charging take?")
		d.until("the passage is marked on its page", 20*time.Second, marked)
		d.shots("chat", "en")
		d.guest("settings", "language", "")
		d.rests()
	}
}

// drops drags files and a folder in from another program, a broken one among them, onto the chat and its question field.
func (d *desk) drops() {
	dir := filepath.Join(d.t.TempDir(), "持ち込み (共有) 資料")
	canteen := filepath.Join(dir, "社員食堂 ご案内 (改訂版).txt")
	write(d.t, canteen, "社員食堂の営業時間は、午前11時から午後2時までです。席は80席あります。\n")
	write(d.t, filepath.Join(dir, "壊れた 表.pdf"), "%PDF-1.7\nthis is no pdf\n")
	write(d.t, filepath.Join(dir, "駐車場", "利用 規則.md"), "# 駐車場\n\n駐車場の台数は24台です。\n")
	write(d.t, filepath.Join(dir, "駐車場", "空 (1).txt"), "来客用の区画は3台分です。\n")
	d.Keys("alt+1")
	d.at(0)
	middle, field := d.part(0.5, 0.4, 0.5, 0.4).Min, d.part(0.45, 0.91, 0.45, 0.91).Min
	d.Drop(d.window, middle.X, middle.Y, canteen, filepath.Join(dir, "壊れた 表.pdf"))
	d.Drop(d.window, field.X, field.Y, filepath.Join(dir, "駐車場"))
	d.Drop(d.window, middle.X, middle.Y) // a program that drags nothing
	d.Drop(d.window, field.X, field.Y, "sftp://files.example/%E8%B3%87%E6%96%99.txt", "file://another/資料.txt")
	d.until("the dropped files can be searched, and the broken one says why", 60*time.Second, func() bool {
		broken, ok := d.document("壊れた 表.pdf")
		for _, name := range []string{filepath.Base(canteen), "利用 規則.md", "空 (1).txt"} {
			doc, found := d.document(name)
			ok = ok && found && doc.State == core.DocumentReady
		}
		return ok && broken.State == core.DocumentFailed && broken.Reason != ""
	})
	if _, ok := d.document("資料.txt"); ok {
		d.fail("what is on another computer is taken for a file")
	}
	d.Keys("alt+1", "ctrl+n", "ctrl+l")
	d.rests()
	if got := d.asks("社員食堂の営業時間は何時までですか。"); got.Answers[0].Answer.Refused || !strings.Contains(got.Answers[0].Answer.Text, "2時") {
		d.fail("answer from the dropped file: %+v", got.Answers[0].Answer)
	}
}

// removal shows the documents, opens one, and erases one, after asking.
func (d *desk) removal() {
	d.Keys("alt+2")
	d.at(1)
	d.rests()
	if os.Getenv("KAKOI_SHOTS") != "" {
		time.Sleep(7 * time.Second) // the notes of the drops go away by themselves
		d.Keys("alt+1", "alt+2")
		d.at(1)
	}
	d.shots("documents", "ja")
	d.shots("documents", "en")
	d.Keys("ctrl+f")
	d.Type("KX-200")
	d.rests()
	d.Keys("Return", "Return") // to the table, into the document
	d.rests()
	d.shots("document", "ja")
	d.shots("document", "en")
	d.Keys("Escape", "ctrl+f", "ctrl+a")
	d.Type("空 (1)")
	d.rests()
	d.Keys("Return", "Delete")
	d.rests()
	if _, ok := d.document("空 (1).txt"); !ok {
		d.fail("a document is gone before the question was answered")
	}
	d.Keys("Tab", "Return")
	d.until("the document is gone", 20*time.Second, func() bool { _, ok := d.document("空 (1).txt"); return !ok })
	d.rests()
	if holds(d.t, filepath.Join(d.data, "library"), "来客用の区画") {
		d.fail("text of the removed document stands in the library")
	}
	d.Keys("ctrl+f", "ctrl+a", "BackSpace")
}

// settings changes theme, text size and language on the Settings screen.
func (d *desk) settings() {
	d.Keys("alt+5")
	d.at(4)
	d.rests()
	d.shots("settings", "ja")
	d.shots("settings", "en")
	for range 12 { // past the groups and the language
		d.Keys("Tab")
	}
	d.Keys("Right")
	d.until("the theme is dark", 20*time.Second, func() bool {
		n, _ := d.Count(d.box(), 0x1c1e21, 0)
		return d.setting("theme") == "dark" && n > 100_000
	})
	d.Keys("Left")
	d.until("the theme is light", 20*time.Second, func() bool {
		n, _ := d.Count(d.box(), colorBack, 2)
		return d.setting("theme") == "light" && n > 100_000
	})
	for range 2 { // past the button that gives the default back
		d.Keys("Tab")
	}
	d.Keys("Right")
	d.until("the text is larger", 20*time.Second, func() bool { return d.setting("text_size") > "100" })
	d.rests()
	d.Keys("Left")
	d.until("the text is as before", 20*time.Second, func() bool { return d.setting("text_size") == "100" })
	d.rests()
	for range 3 {
		d.Keys("shift+Tab")
	}
	d.Keys("Right", "Right")
	d.until("the language is English", 20*time.Second, func() bool { return d.setting("language") == "en" })
	d.rests()
	d.Keys("Left")
	d.until("the language is Japanese", 20*time.Second, func() bool { return d.setting("language") == "ja" })
	d.rests()
}

// help is a key away, and every place is two.
func (d *desk) help() {
	d.Keys("alt+1")
	d.at(0)
	d.Keys("F1")
	d.at(5)
	d.rests()
	d.shots("help", "ja")
	d.shots("help", "en")
	d.Keys("ctrl+k")
	d.rests()
	d.Type("文書")
	d.rests()
	d.Keys("Return")
	d.at(1)
}

// second starts the program again: the window that is there comes to the front, and nothing else opens.
func (d *desk) second() {
	program, err := filepath.Abs("bin/kakoi")
	if err != nil {
		d.t.Fatal(err)
	}
	again := exec.Command(program, "--data", d.data)
	again.Env = d.Env("LANG=ja_JP.UTF-8")
	if out, err := again.CombinedOutput(); err != nil {
		d.fail("the second start ended with %v: %s", err, out)
	}
	if n := d.Windows("Kakoi"); n != 1 {
		d.fail("%d windows after a second start", n)
	}
	d.Focus(d.window)
}

// models drops a model folder on the Models screen, and one that is none.
func (d *desk) models() {
	dir := filepath.Join(d.t.TempDir(), "乱数 モデル")
	pieces, err := os.ReadFile("resources/starter/spiece.model")
	if err != nil {
		d.t.Fatal(err)
	}
	err = weights.Generate(d.t.Context(), filepath.Join(dir, "noise"), weights.GenerateParams{
		Shape: weights.Shape{
			Model: "gpt_neox", Layers: 6, Hidden: 512, Heads: 8, FFN: 2048, Vocab: 16384, MaxTokens: 2048, DType: weights.F16, RotaryPct: 1,
		},
		Layout: weights.Single, Seed: 1, Files: map[string][]byte{"spiece.model": pieces},
	}, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	none := filepath.Join(dir, "写真")
	write(d.t, filepath.Join(none, "海.txt"), "no model\n")
	d.Keys("alt+4")
	d.at(3)
	d.rests()
	d.shots("models", "ja")
	d.shots("models", "en")
	middle := d.part(0.5, 0.5, 0.5, 0.5).Min
	d.Drop(d.window, middle.X, middle.Y, none)
	d.until("the folder that is no model says why", 30*time.Second, func() bool {
		n, _ := d.Count(d.box(), colorError, 2)
		return n > 60
	})
	d.rests()
	d.Drop(d.window, middle.X, middle.Y, filepath.Join(dir, "noise"))
	type model struct{ Name string }
	d.until("the model is there", 90*time.Second, func() bool {
		for _, m := range guestLines[model](d, "model", "list") {
			if m.Name == "noise" {
				return true
			}
		}
		return false
	})
	d.rests()
	d.Keys("Tab", "Tab", "Tab", "Return") // past the button of packs and the card of the folder that was none
	d.until("the new model answers from now on", 20*time.Second, func() bool {
		return strings.Contains(d.guest("status"), `"chat_model":"noise"`)
	})
}

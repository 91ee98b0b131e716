//go:build window

package kakoi

// What goes wrong while somebody works: stops, crashes of the engine, a window closed too early.

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"kakoi/core"
)

// deathAnswering stops an answer, and kills the engine during another one: it is said once, and the next question is answered.
func (d *desk) deathAnswering() {
	d.guest("settings", "max_new_tokens", "300") // noise never comes to an end by itself
	d.guest("settings", "evidence", "off")       // an answer from evidence comes at once, and this one is to be seen on its way
	d.Keys("alt+1")
	d.at(0)
	d.Keys("ctrl+n")
	d.rests()
	const first, second, third = "駐車場の台数は何台ですか。", "備蓄倉庫の鍵は誰が管理していますか。", "夏季休暇は何日ですか。"
	d.streams(first)
	d.Keys("Escape")
	if got := d.answered(first); !got.Answers[0].Stopped || got.Answers[0].Answer.Text == "" {
		d.fail("the stopped answer is kept as %+v", got.Answers[0])
	}
	d.Keys("ctrl+n")
	d.rests()
	d.streams(second)
	d.killEngine()
	if got := d.answered(second); got.Answers[0].Failure == nil {
		d.fail("the engine died, and the answer says nothing of it: %+v", got.Answers[0])
	}
	d.guest("model", "use", "starter")
	d.guest("settings", "--reset", "max_new_tokens")
	d.Keys("ctrl+n")
	d.rests()
	if got := d.asks(third); got.Answers[0].Failure != nil || got.Answers[0].Answer.Refused {
		d.fail("no answer after the engine was started anew: %+v", got.Answers[0])
	}
}

// streams sends a question and waits until words of an answer stand there.
func (d *desk) streams(question string) {
	d.t.Helper()
	d.Type(question)
	d.Keys("Return")
	d.until("the answer begins", 60*time.Second, func() bool {
		n, _ := d.Count(d.transcript(), 0x23262b, 0)
		return n > 1200
	})
}

// many writes files of some passages each into a folder, and gives their paths.
func (d *desk) many(name string, n, passages int) (files []string) {
	d.t.Helper()
	dir := filepath.Join(d.t.TempDir(), name+"の記録 (共有フォルダーの控え) 二〇二六年度 第三事業所")
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("%s %03d.txt", name, i))
		text := ""
		for j := range passages {
			text += fmt.Sprintf("%sの記録 %d-%d。担当は第%d班で、点検は%d日に行いました。", name, i, j, i%7, i%28+1)
			text += strings.Repeat(fmt.Sprintf("計器%d-%dの値は%dで、", i, j, i*31+j), 8*min(1, passages-1)) + "異常はありません。\n\n"
		}
		write(d.t, path, text)
		files = append(files, path)
	}
	return files
}

// ready counts the documents of a name that can be searched.
func (d *desk) ready(name string) int {
	d.t.Helper()
	n := 0
	for _, doc := range d.documents() {
		if strings.HasPrefix(doc.Name, name) && doc.State == core.DocumentReady {
			n++
		}
	}
	return n
}

// deathAdding drops many files at once and kills the engine while they are added: all of them can be searched in the end.
func (d *desk) deathAdding() {
	const name, n = "巡回", 520
	files := d.many(name, n, 1) // each by itself: a list so long comes in pieces
	d.Keys("alt+2")
	d.at(1)
	d.rests()
	middle := d.part(0.5, 0.5, 0.5, 0.5).Min
	d.Drop(d.window, middle.X, middle.Y, files...)
	d.until("some of the files can be searched", 60*time.Second, func() bool { return d.ready(name) > 10 })
	d.killEngine()
	d.until("all files can be searched", 120*time.Second, func() bool { return d.ready(name) == n })
	d.rests()
}

// closedAdding closes the window while documents are added; the next start offers to go on, and does.
func (d *desk) closedAdding() {
	const name, n = "点検", 300
	dir := filepath.Dir(d.many(name, n, 6)[0]) // seconds of work for a quick processor, a minute for a slow one
	middle := d.part(0.5, 0.5, 0.5, 0.5).Min
	d.Drop(d.window, middle.X, middle.Y, dir)
	d.until("some of the files can be searched", 60*time.Second, func() bool { return d.ready(name) > 10 })
	uncovered := d.plain()
	d.Keys("ctrl+q")
	d.until("it asks, for work is going on", 20*time.Second, func() bool { return d.plain() < uncovered/4 })
	d.Keys("Return")
	d.left()
	d.open()
	if got := d.ready(name); got == 0 || got == n {
		d.fail("%d of %d files were added before the window closed", got, n)
	}
	d.at(1)
	d.rests()
	n1, first := d.Count(d.part(0.1, 0.14, 0.2, 0.23), colorPrimary, 1)
	if n1 == 0 {
		d.fail("nothing offers to go on with what was not finished")
	}
	d.Click(first.X+8, first.Y+8)
	d.until("all files can be searched", 300*time.Second, func() bool { return d.ready(name) == n })
	d.rests()
}

// keyboardAlone goes from a file to an answer, its source, a correction and a removal without a mouse.
func (d *desk) keyboardAlone() {
	dir := d.t.TempDir()
	path := filepath.Join(dir, "会議室 (新館).txt")
	write(d.t, path, "新館の会議室の定員は、36名です。予約は総務課で受け付けます。\n")
	d.Keys("ctrl+o")
	d.rests()
	d.Keys("ctrl+l")
	d.Type(path)
	d.rests()
	d.Keys("Return")
	d.until("the file can be searched", 60*time.Second, func() bool { return d.ready("会議室") == 1 })
	d.Keys("alt+1")
	d.at(0)
	d.Keys("ctrl+n")
	d.rests()
	const question = "新館の会議室の定員は何名ですか。"
	if got := d.asks(question); !strings.Contains(got.Answers[0].Answer.Text, "36") {
		d.fail("answer to %s: %+v", question, got.Answers[0].Answer)
	}
	d.Keys("ctrl+1")
	d.until("the source is marked", 20*time.Second, func() bool { n, _ := d.Count(d.sources(), colorMark, 12); return n > 20 })
	before := len(d.guest("chat", "corrections"))
	d.Keys("ctrl+shift+w")
	d.rests()
	d.Type("36名です。")
	d.Keys("Tab", "Tab", "Return")
	d.until("the correction is kept", 20*time.Second, func() bool { return len(d.guest("chat", "corrections")) > before })
	d.rests() // the editor is closed
	d.Keys("alt+2")
	d.at(1)
	d.Keys("ctrl+f", "ctrl+a")
	d.Type("会議室")
	d.rests()
	d.Keys("Return", "Delete")
	d.rests()
	d.Keys("Tab", "Return")
	d.until("the document is gone", 20*time.Second, func() bool { return d.ready("会議室") == 0 })
	d.rests()
}

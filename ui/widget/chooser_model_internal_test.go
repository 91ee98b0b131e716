package widget

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/resources"
)

// fixture is a chooser over a real folder whose reading happens at once, unless held back.
type fixture struct {
	*chooser
	t      *testing.T
	chosen [][]string
	held   []func() // reading that waits, while hold is set
	hold   bool
}

func newFixture(t *testing.T, p ChooserParams, home string) *fixture {
	t.Helper()
	p.Text = func(key string, args ...any) string { return resources.Format("en", key, args...) }
	p.Post = func(f func()) { f() }
	f := &fixture{t: t}
	f.chooser = newChooser(p, home)
	f.work = func(w func()) {
		if f.hold {
			f.held = append(f.held, w)
			return
		}
		w()
	}
	f.done = func(paths []string) { f.chosen = append(f.chosen, paths) }
	f.start(p.Start, p.Recent)
	return f
}

func (f *fixture) names() []string {
	var out []string
	for _, e := range f.rows {
		out = append(out, e.name)
	}
	return out
}

func (f *fixture) wantNames(want ...string) {
	f.t.Helper()
	if got := f.names(); !slices.Equal(got, want) {
		f.t.Fatalf("rows %q, want %q", got, want)
	}
}

func (f *fixture) wantChosen(want ...string) {
	f.t.Helper()
	if len(f.chosen) != 1 {
		f.t.Fatalf("chosen %d times: %q", len(f.chosen), f.chosen)
	}
	if got := f.chosen[0]; !slices.Equal(got, want) {
		f.t.Fatalf("chose %q, want %q", got, want)
	}
}

// tree makes files; names ending in / are folders.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o700)
		} else {
			err = os.WriteFile(path, []byte("text of "+name), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRowsAreInTheOrderAPersonCountsIn(t *testing.T) {
	dir := tree(t, "file10.txt", "File9.txt", "ファイル2.txt", "ファイル１０.txt", "zoo/", "Alpha/", ".hidden", "notes.txt~", "file 1 (2).txt")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "broken")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "zoo"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, ChooserParams{Start: dir}, dir)
	f.wantNames("Alpha", "link", "zoo", "file 1 (2).txt", "File9.txt", "file10.txt", "ファイル2.txt", "ファイル１０.txt")
	f.toggleHidden()
	if !slices.Contains(f.names(), ".hidden") || !slices.Contains(f.names(), "notes.txt~") {
		t.Fatalf("hidden files are not shown: %q", f.names())
	}
}

func TestFilterAndModes(t *testing.T) {
	dir := tree(t, "a.PDF", "b.txt", "sub/")
	newFixture(t, ChooserParams{Start: dir, Filter: []string{".pdf"}}, dir).wantNames("sub", "a.PDF")
	newFixture(t, ChooserParams{Start: dir, Mode: ChooseFolder}, dir).wantNames("sub")
	f := newFixture(t, ChooserParams{Start: dir, Filter: []string{".docx", ".xlsx"}}, dir)
	f.enter() // into sub
	if f.note() == "" || f.folder != filepath.Join(dir, "sub") {
		t.Fatalf("in %s, note %q", f.folder, f.note())
	}
}

func TestSeveralFilesAreChosen(t *testing.T) {
	dir := tree(t, "a", "b", "c", "d", "sub/")
	f := newFixture(t, ChooserParams{Start: dir}, dir)
	f.toggle() // on the folder: nothing
	f.move(1, false)
	f.toggle()
	f.move(2, false)
	f.toggle()
	if got, want := f.status(), resources.Format("en", "chooser.marked", 2, "18 B"); got != want {
		t.Errorf("status %q, want %q", got, want)
	}
	f.confirm()
	f.wantChosen(filepath.Join(dir, "a"), filepath.Join(dir, "c"))
}

func TestRangeAndAll(t *testing.T) {
	dir := tree(t, "a", "b", "c", "d", "sub/")
	f := newFixture(t, ChooserParams{Start: dir}, dir)
	f.move(2, false)
	f.move(1, true)
	f.move(1, true)
	f.move(-1, true)
	if len(f.marked) != 2 || !f.marked["b"] || !f.marked["c"] {
		t.Fatalf("marked %v", f.marked)
	}
	f.markAll()
	if len(f.marked) != 4 {
		t.Fatalf("marked %v, want all files", f.marked)
	}
	f.markAll()
	if len(f.marked) != 0 {
		t.Fatalf("marked %v, want none", f.marked)
	}
	now := time.Unix(100, 0)
	f.click(1, false, false, now)
	f.click(4, false, true, now.Add(time.Second))
	if len(f.marked) != 4 {
		t.Fatalf("marked %v after Shift+click", f.marked)
	}
	f.click(2, true, false, now.Add(2*time.Second))
	if len(f.marked) != 3 || f.marked["b"] {
		t.Fatalf("marked %v after Ctrl+click", f.marked)
	}
}

func TestDoubleClickOpens(t *testing.T) {
	dir := tree(t, "sub/inner", "a")
	f := newFixture(t, ChooserParams{Start: dir}, dir)
	now := time.Unix(100, 0)
	f.click(0, false, false, now)
	f.click(0, false, false, now.Add(time.Second)) // too late
	if f.folder != dir {
		t.Fatalf("two slow clicks opened %s", f.folder)
	}
	f.click(0, false, false, now.Add(1100*time.Millisecond))
	f.wantNames("inner")
}

func TestUpAndBackKeepThePlace(t *testing.T) {
	dir := tree(t, "a/", "b/deep/", "c/")
	f := newFixture(t, ChooserParams{Start: dir}, dir)
	f.move(1, false)
	f.enter()
	f.enter()
	if want := filepath.Join(dir, "b", "deep"); f.folder != want {
		t.Fatalf("in %s, want %s", f.folder, want)
	}
	f.up()
	f.up()
	if e, _ := f.current(); f.folder != dir || e.name != "b" {
		t.Fatalf("in %s on %q, want on b", f.folder, e.name)
	}
	f.goBack()
	if f.folder != filepath.Join(dir, "b") {
		t.Fatalf("back went to %s", f.folder)
	}
	f.open("/")
	f.up() // there is nothing above
	if f.folder != "/" {
		t.Fatalf("above the root: %s", f.folder)
	}
}

func TestFolderIsTheOneShownUnlessSomeAreMarked(t *testing.T) {
	dir := tree(t, "資料/", "その他/", "zoo/")
	f := newFixture(t, ChooserParams{Start: dir, Mode: ChooseFolder}, dir)
	f.confirm()
	f.wantChosen(dir)
	f = newFixture(t, ChooserParams{Start: dir, Mode: ChooseFolder}, dir)
	f.toggle()
	f.move(1, false)
	f.toggle()
	f.confirm()
	f.wantChosen(filepath.Join(dir, "zoo"), filepath.Join(dir, "その他"))
}

func TestSaveAsksBeforeItWritesOver(t *testing.T) {
	dir := tree(t, "old.md", "sub/")
	save := func(name string) *fixture {
		f := newFixture(t, ChooserParams{Start: dir, Mode: ChooseSave, Filter: []string{".md"}}, dir)
		f.rename(name)
		f.confirm()
		return f
	}
	save("new").wantChosen(filepath.Join(dir, "new.md"))
	save("会話 1.md").wantChosen(filepath.Join(dir, "会話 1.md"))

	f := save("old")
	if len(f.chosen) != 0 || f.existing == "" || !strings.Contains(f.status(), "old.md") {
		t.Fatalf("chosen %q, question %q", f.chosen, f.status())
	}
	f.keep()
	if f.existing != "" {
		t.Fatal("still asking")
	}
	f.confirm()
	f.overwrite()
	f.wantChosen(filepath.Join(dir, "old.md"))

	for _, name := range []string{"", "  ", ".."} {
		if f := save(name); len(f.chosen) != 0 || f.refusal == "" {
			t.Errorf("%q: chose %q, refusal %q", name, f.chosen, f.refusal)
		}
	}
	f = save("sub/x.md") // a path: goes there, with the name ready
	if f.folder != filepath.Join(dir, "sub") || f.name != "x.md" || len(f.chosen) != 0 {
		t.Fatalf("in %s with %q, chosen %q", f.folder, f.name, f.chosen)
	}
	f.confirm()
	f.wantChosen(filepath.Join(dir, "sub", "x.md"))
}

func TestFolderThatCannotBeReadGivesASentence(t *testing.T) {
	dir := tree(t, "a")
	f := newFixture(t, ChooserParams{Start: filepath.Join(dir, "gone")}, dir)
	if note := f.note(); !strings.Contains(note, "gone") || strings.Contains(note, "chooser.") {
		t.Fatalf("note %q", note)
	}
	f.open(filepath.Join(dir, "a")) // a file
	if f.note() == "" {
		t.Fatal("no note for a file opened as a folder")
	}
	f.confirm()
	if len(f.chosen) != 0 {
		t.Fatalf("chose %q", f.chosen)
	}
	f.up()
	f.wantNames("a")
	denied := f.why("/root", fmt.Errorf("read folder: %w", fs.ErrPermission)) // nothing is closed to root, so not by a folder of our own
	if want := resources.Format("en", "chooser.denied", "/root"); denied != want {
		t.Fatalf("sentence %q, want %q", denied, want)
	}
}

func TestTypedPath(t *testing.T) {
	dir := tree(t, "Documents/規則/", "Downloads/", "Desktop/", "data.txt")
	f := newFixture(t, ChooserParams{Start: dir}, dir)
	f.typed(dir + "/do")
	if want := []string{"Documents/", "Downloads/"}; !slices.Equal(f.proposals, want) {
		t.Fatalf("proposals %q, want %q", f.proposals, want)
	}
	if got, want := f.completed(dir+"/do"), dir+"/Do"; got != want {
		t.Fatalf("completed to %q, want %q", got, want)
	}
	f.typed("~/Doc")
	if got, want := f.completed("~/Doc"), "~/Documents/"; got != want {
		t.Fatalf("completed to %q, want %q", got, want)
	}
	f.goTyped("~/Documents/")
	f.wantNames("規則")
	f.goTyped("規則") // below the folder shown
	if want := filepath.Join(dir, "Documents", "規則"); f.folder != want {
		t.Fatalf("in %s, want %s", f.folder, want)
	}
	f.goTyped("/no/such/place")
	if f.refusal == "" || f.folder != filepath.Join(dir, "Documents", "規則") {
		t.Fatalf("refusal %q in %s", f.refusal, f.folder)
	}
	f.goTyped("~/data.txt")
	f.wantChosen(filepath.Join(dir, "data.txt"))
}

func TestTypingJumps(t *testing.T) {
	dir := tree(t, "apple", "banana", "blue", "Berry", "規則.txt")
	f := newFixture(t, ChooserParams{Start: dir}, dir)
	at := time.Unix(100, 0)
	type step struct {
		r    rune
		wait time.Duration
		want string
	}
	for _, s := range []step{{'b', 0, "banana"}, {'l', 100 * time.Millisecond, "blue"}, {'b', 2 * time.Second, "banana"}, {'B', 2 * time.Second, "Berry"}, {'規', 2 * time.Second, "規則.txt"}, {'q', 2 * time.Second, "規則.txt"}} {
		at = at.Add(s.wait)
		f.jump(s.r, at)
		if e, _ := f.current(); e.name != s.want {
			t.Fatalf("after %q on %q, want %q", s.r, e.name, s.want)
		}
	}
}

func TestSlowFolderIsOvertaken(t *testing.T) {
	slow, quick := tree(t, "slow"), tree(t, "quick")
	f := newFixture(t, ChooserParams{Start: quick}, quick)
	f.hold = true
	f.open(slow)
	f.enter() // the old rows are shown, but are not of this folder
	f.toggle()
	f.confirm()
	if len(f.chosen) != 0 || len(f.marked) != 0 || f.status() != resources.Format("en", "chooser.reading") {
		t.Fatalf("chosen %q, marked %v, status %q", f.chosen, f.marked, f.status())
	}
	f.hold = false
	f.open(quick)
	for _, w := range f.held {
		w()
	}
	f.wantNames("quick")
}

func TestThousandsOfEntries(t *testing.T) {
	dir := t.TempDir()
	const n = 5000
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("文書 (%d).txt", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := newFixture(t, ChooserParams{Start: dir}, dir)
	f.moveTo(n, false)
	if e, _ := f.current(); e.name != fmt.Sprintf("文書 (%d).txt", n-1) {
		t.Fatalf("last is %q", e.name)
	}
	f.markAll()
	f.confirm()
	if len(f.chosen) != 1 || len(f.chosen[0]) != n {
		t.Fatal("not all were chosen")
	}
}

func TestPlaces(t *testing.T) {
	home := tree(t, "デスクトップ/", "Documents/", ".config/", "recent/")
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	dirs := "# made by the desktop\nXDG_DESKTOP_DIR=\"$HOME/デスクトップ\"\nXDG_DOWNLOAD_DIR=\"$HOME/\"\n"
	if err := os.WriteFile(filepath.Join(home, ".config", "user-dirs.dirs"), []byte(dirs), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range findPlaces(home, []string{filepath.Join(home, "recent"), filepath.Join(home, "gone"), home}) {
		if p.kind != placeMedia { // of this machine
			got = append(got, p.path)
		}
	}
	want := []string{home, filepath.Join(home, "デスクトップ"), filepath.Join(home, "Documents"), "/", filepath.Join(home, "recent")}
	if !slices.Equal(got, want) {
		t.Fatalf("places %q, want %q", got, want)
	}
}

func TestMountedMedia(t *testing.T) {
	table := `21 1 8:1 / / rw - ext4 /dev/sda1 rw
40 21 8:17 / /media/hanako/USB\040DISK rw - vfat /dev/sdb1 rw
41 21 8:18 / /run/media/hanako/写真 rw - vfat /dev/sdc1 rw
42 21 0:5 / /mediaserver rw - tmpfs tmpfs rw
short line
`
	want := []string{"/media/hanako/USB DISK", "/run/media/hanako/写真"}
	if got := mountedMedia(strings.NewReader(table)); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

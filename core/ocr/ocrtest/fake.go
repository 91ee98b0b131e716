// Package ocrtest makes a program that speaks Tesseract's command line, for tests on machines without Tesseract.
package ocrtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Options of a fake program.
type Options struct {
	Languages  []string // that it has
	Lines      []string // that it reads on every picture: words between spaces; none: it reads nothing
	Confidence int      // of each word; 0: 90
	Vertical   int      // of each word in a language for columns
	Try        string   // commands of the shell that run first; "say WORD" puts a word into the page
}

// Fake writes the program and gives the folder it lies in. It reads all of its input, as Tesseract does.
func Fake(t testing.TB, opt Options) (dir string) {
	t.Helper()
	dir = t.TempDir()
	sure := opt.Confidence
	if sure == 0 {
		sure = 90
	}
	var rows strings.Builder
	for i, line := range opt.Lines {
		left := 10
		for k, word := range strings.Fields(line) {
			width := 20 * len([]rune(word))
			fmt.Fprintf(&rows, "printf '5\\t1\\t1\\t1\\t%d\\t%d\\t%d\\t%d\\t%d\\t20\\t%%s\\t%s\\n' \"$sure\"\n", i+1, k+1, left, 10+30*i, width, word)
			left += width + 10
		}
	}
	script := `#!/bin/sh
case "$1" in
--version) echo "tesseract 5.3.0"; echo " leptonica-1.82.0"; exit 0;;
--list-langs) printf 'List of available languages in "/fake" (%d):\n'; printf '%%s\n' %s; exit 0;;
esac
[ "$1 $2 $3 $5" = "stdin stdout -l --psm" ] || { echo "unknown command line: $*" >&2; exit 2; }
case "$4" in *_vert*) sure=%d;; *) sure=%d;; esac
cat > /dev/null
n=0
say() { n=$((n+1)); printf '5\t1\t9\t1\t1\t%%d\t%%d\t10\t5\t5\t95\t%%s\n' $n $((n*100)) "$1"; }
printf 'level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n'
%s
%s`
	script = fmt.Sprintf(script, len(opt.Languages), strings.Join(opt.Languages, " "), opt.Vertical, sure, opt.Try, rows.String())
	if err := os.WriteFile(filepath.Join(dir, "tesseract"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

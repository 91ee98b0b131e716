package ui_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"kakoi/resources"
)

// keyShaped is how a key of the translations looks, and what a file's name may look like too.
var (
	keyShaped = regexp.MustCompile(`^[a-z]+(\.[a-z0-9_]+)+$`)
	fileName  = regexp.MustCompile(`\.(json|sealed|png|svg|md|ttf|tmpl|log|txt|pdf|csv)$`)
	verbs     = regexp.MustCompile(`%(?:\[(\d+)\])?[-+# 0]*\d*(?:\.\d+)?[a-zA-Z%]`)
)

// Every text that the window asks for is there in every language, with the arguments that it is given: no person ever reads a raw
// key or a verb. Keys are found in the source: those handed to Text, those in fields and variables that look like keys of an area
// of the translations, and the beginnings of those that are put together.
func TestTextsAreThere(t *testing.T) {
	keys := resources.Keys()
	areas := map[string]bool{}
	for _, k := range keys {
		area, _, _ := strings.Cut(k, ".")
		areas[area] = true
	}
	begins := func(prefix string) bool {
		for _, k := range keys {
			if strings.HasPrefix(k, prefix) {
				return true
			}
		}
		return false
	}
	seen := 0
	look := func(at token.Position, key string, given int) {
		seen++
		for _, lang := range resources.Languages {
			text, ok := resources.Text(lang, key)
			if !ok {
				t.Errorf("%s: there is no text %q", at, key)
				return
			}
			if want := arguments(text); given >= 0 && want != given {
				t.Errorf("%s: %q in %s has %d arguments, given are %d", at, key, lang, want, given)
			}
		}
	}
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.CallExpr:
				place, ok := map[string]int{"Text": 0, "text": 0, "Explain": 1}[called(n)]
				if !ok || len(n.Args) <= place {
					return true
				}
				// A function of a file may be called text and complete the key itself.
				if key, ok := literal(n.Args[place]); ok && (called(n) == "Text" || strings.Contains(key, ".")) {
					given := len(n.Args) - place - 1
					if n.Ellipsis.IsValid() {
						given = -1
					}
					look(files.Position(n.Pos()), key, given)
				}
			case *ast.BasicLit:
				key, ok := literal(n)
				area, rest, dotted := strings.Cut(key, ".")
				switch {
				case !ok || !dotted || !areas[area]:
				case keyShaped.MatchString(key) && !fileName.MatchString(key) && !begins(key+"."):
					look(files.Position(n.Pos()), key, -1)
				case strings.HasSuffix(key, ".") && keyShaped.MatchString(area+"."+strings.TrimSuffix("x"+rest, ".")) && !begins(key):
					t.Errorf("%s: no text begins with %q", files.Position(n.Pos()), key)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Errorf("only %d texts were found in the source", seen)
	}
}

// called is the last name of what is called: Text of s.p.Shell.Text.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// arguments is how many a text takes.
func arguments(text string) int {
	most, next := 0, 1
	for _, m := range verbs.FindAllStringSubmatch(text, -1) {
		if strings.HasSuffix(m[0], "%") {
			continue
		}
		if m[1] != "" {
			if n, err := strconv.Atoi(m[1]); err == nil {
				next = n
			}
		}
		most = max(most, next)
		next++
	}
	return most
}

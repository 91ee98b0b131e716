package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
)

// On a terminal the missing part is asked for, by name and number: a path, a folder, the same place again, or an end.
func TestMissingPartIsAskedFor(t *testing.T) {
	part := filepath.Join(t.TempDir(), "mine-2-of-3.kakoi-pack")
	if err := os.WriteFile(part, []byte("kakoi pack\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := &app.MissingParts{Numbers: []int{2}, Names: []string{"mine-2-of-3.kakoi-pack"}, Parts: 3}
	for _, lang := range []string{"en", "ja"} {
		for typed, want := range map[string]string{part: part, filepath.Dir(part): part, "/nowhere\n" + part: part, "": "before", "q": ""} {
			var said bytes.Buffer
			lines := strings.Split(typed, "\n")
			c := &call{screen: &screen{Err: &said, ask: func(context.Context) (string, error) {
				line := lines[0]
				lines = lines[1:]
				return line, nil
			}}, lang: lang, dir: "/"}
			got, err := c.nextPart(t.Context(), missing, []string{"before"})
			if want == "" {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%q: %v", typed, err)
				}
			} else if err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("%q: %v, %v", typed, got, err)
			}
			if !strings.Contains(said.String(), "mine-2-of-3.kakoi-pack (2/3)") || strings.Contains(typed, "nowhere") && !strings.Contains(said.String(), "/nowhere") {
				t.Errorf("%q: said %q", typed, said.String())
			}
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"4GB": 4e9, "700mb": 7e8, "2GiB": 2 << 30, "1.5 G": 15e8, "4096": 4096, "10B": 10, "64K": 64000} {
		if n, err := parseSize(text); err != nil || n != want {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "GB", "-1GB", "0", "NaN", "Inf", "4XB", "99999999TB"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("%s: %d", text, n)
		}
	}
}

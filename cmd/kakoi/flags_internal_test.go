package main

import (
	"slices"
	"testing"
)

func TestFlagsStandAnywhere(t *testing.T) {
	for _, c := range []struct {
		args, positional []string
		top              int
		yes              bool
	}{
		{[]string{"a", "b"}, []string{"a", "b"}, 5, false},
		{[]string{"--top", "3", "a", "b"}, []string{"a", "b"}, 3, false},
		{[]string{"a", "--top=3", "b", "-yes"}, []string{"a", "b"}, 3, true},
		{[]string{"a", "--", "--top", "3"}, []string{"a", "--top", "3"}, 5, false},
		{[]string{"--yes", "a", "--", "-b"}, []string{"a", "-b"}, 5, true},
		{[]string{"-"}, []string{"-"}, 5, false},
		{[]string{"a", "-1.5", "--yes"}, []string{"a", "-1.5"}, 5, true},
		{nil, nil, 5, false},
	} {
		fs := newFlagSet("test")
		top, yes := fs.Int("top", 5, ""), fs.Bool("yes", false, "")
		got, err := parse(fs, c.args)
		if err != nil || !slices.Equal(got, c.positional) || *top != c.top || *yes != c.yes {
			t.Errorf("%q: positional %q, top %d, yes %v, error %v", c.args, got, *top, *yes, err)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"serach": "search", "aks": "ask", "lst": "list", "statsu": "status", "models": "model", "xylophone": "", "Doctor": "doctor",
	} {
		if got := nearest(word, commandNames()); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}

func TestWidths(t *testing.T) {
	if n := columns("aあ｡"); n != 4 {
		t.Errorf("width is %d, want 4", n)
	}
	if s := shorten("日本語の文書", 7); s != "日本語…" {
		t.Errorf("shortened to %q", s)
	}
	if s := sanitize("a\x1b[31mb\u202ec\nd", false); s != "a[31mbc d" {
		t.Errorf("sanitised to %q", s)
	}
}

func TestLanguageOfTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"LANG": "ja_JP.UTF-8"}, "ja"},
		{map[string]string{"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"},
		{map[string]string{"LC_MESSAGES": "ja"}, "ja"},
		{nil, "en"},
	} {
		if got := languageOf(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%v: %q, want %q", c.env, got, c.want)
		}
	}
}

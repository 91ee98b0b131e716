package resources

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"kakoi/core"
)

// Languages that every text exists in.
var Languages = []string{"en", "ja"}

// texts is every part merged: key -> language -> text.
var texts = sync.OnceValues(func() (map[string]map[string]string, error) {
	return mergeParts(files, "i18n/parts")
})

// mergeParts reads DIR/*.json. A key that stands in two parts is an error.
func mergeParts(fsys fs.FS, dir string) (map[string]map[string]string, error) {
	names, err := fs.Glob(fsys, dir+"/*.json")
	if err != nil {
		return nil, fmt.Errorf("list translations: %w", err)
	}
	all := map[string]map[string]string{}
	from := map[string]string{}
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return all, fmt.Errorf("read translations %s: %w", path.Base(name), err)
		}
		part := map[string]map[string]string{}
		if err := json.Unmarshal(raw, &part); err != nil {
			return all, fmt.Errorf("parse translations %s: %w", path.Base(name), err)
		}
		for key, byLang := range part {
			if other, ok := from[key]; ok {
				return all, fmt.Errorf("translation %q stands in both %s and %s", key, other, path.Base(name))
			}
			from[key] = path.Base(name)
			all[key] = byLang
		}
	}
	return all, nil
}

// Text returns the text of key in lang ("ja", "en"), in English where lang has none, and whether there is one.
func Text(lang, key string) (string, bool) {
	// A broken part fails this package's tests; whatever could be read is still used.
	all, _ := texts()
	byLang, ok := all[key]
	if !ok {
		return "", false
	}
	if t, ok := byLang[lang]; ok {
		return t, true
	}
	t, ok := byLang["en"]
	return t, ok
}

// Keys lists the keys of all texts in order.
func Keys() []string {
	all, _ := texts()
	return slices.Sorted(maps.Keys(all))
}

// Format is Text with its verbs filled in as by fmt.Sprintf. A key without a text gives the key and the arguments.
func Format(lang, key string, args ...any) string {
	t, ok := Text(lang, key)
	switch {
	case !ok && len(args) == 0:
		return key
	case !ok:
		return key + ": " + fmt.Sprint(args...)
	case len(args) == 0:
		return t
	}
	return fmt.Sprintf(t, args...)
}

// sentinels in the order they are looked for: the more telling first.
var sentinels = []struct {
	err error
	key string
}{
	{context.Canceled, "error.sentinel.cancelled"},
	{context.DeadlineExceeded, "error.sentinel.deadline"},
	{core.ErrNoSpace, "error.sentinel.nospace"},
	{syscall.ENOSPC, "error.sentinel.nospace"},
	{syscall.EDQUOT, "error.sentinel.nospace"},
	{core.ErrOutOfMemory, "error.sentinel.outofmemory"},
	{core.ErrEngine, "error.sentinel.engine"},
	{core.ErrNoModel, "error.sentinel.nomodel"},
	{core.ErrNoDevice, "error.sentinel.nodevice"},
	{core.ErrDimension, "error.sentinel.dimension"},
	{core.ErrCorrupt, "error.sentinel.corrupt"},
	{core.ErrBusy, "error.sentinel.busy"},
	{core.ErrTooLarge, "error.sentinel.toolarge"},
	{core.ErrEncrypted, "error.sentinel.encrypted"},
	{core.ErrUnsupported, "error.sentinel.unsupported"},
	{core.ErrEmpty, "error.sentinel.empty"},
	{core.ErrUsage, "error.sentinel.usage"},
	{core.ErrNotFound, "error.sentinel.notfound"},
	{fs.ErrNotExist, "error.sentinel.notexist"},
	{fs.ErrPermission, "error.sentinel.permission"},
}

// WithHint puts a hint behind a sentence; Japanese has no space there.
func WithHint(sentence, hint string) string {
	if sentence == "" || hint == "" || strings.HasSuffix(sentence, "。") {
		return sentence + hint
	}
	return sentence + " " + hint
}

// ErrorLine is both parts of ErrorText in one line.
func ErrorLine(lang string, err error) string { return WithHint(ErrorText(lang, err)) }

// ErrorText is what a person reads of err: one sentence and one hint. The outermost core.UserError
// of the chain that has a text decides, then the sentinels, then a general sentence with err's own words.
func ErrorText(lang string, err error) (sentence, hint string) {
	if err == nil {
		return "", ""
	}
	for e := err; e != nil; {
		var user *core.UserError
		if !errors.As(e, &user) {
			break
		}
		if _, ok := Text(lang, user.Key); ok {
			hint, _ = Text(lang, user.Key+".hint")
			return Format(lang, user.Key, user.Args...), hint
		}
		e = user.Err
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			hint, _ = Text(lang, s.key+".hint")
			return Format(lang, s.key), hint
		}
	}
	hint, _ = Text(lang, "error.general.hint")
	return Format(lang, "error.general", err.Error()), hint
}

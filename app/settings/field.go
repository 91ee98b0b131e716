package settings

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"kakoi/core"
)

// Field is a setting that a person changes by its name. (The two models are chosen in another way: they have to exist.)
type Field struct {
	Key         string   // as in the file
	Choices     []string // of a field that has few values; nil for numbers and devices
	Least, Most float64  // of a number
	Fraction    bool     // the number need not be whole
	Folder      bool     // an absolute path, or ""
	Preset      string   // the value that leaves it to the preset, the machine or the environment; "" when there is none
	value       func(*Settings) any
}

// Fields in the order in which they are listed.
var Fields = []Field{
	{Key: "language", Choices: Languages, value: func(s *Settings) any { return &s.Language }},
	{Key: "theme", Choices: Themes, value: func(s *Settings) any { return &s.Theme }},
	{Key: "text_size", Least: 80, Most: 200, value: func(s *Settings) any { return &s.TextSize }},
	{Key: "enter_sends", Choices: []string{"true", "false"}, value: func(s *Settings) any { return &s.EnterSends }},
	{Key: "preset", Choices: Presets, value: func(s *Settings) any { return &s.Preset }},
	{Key: "top", Most: 100, Preset: "0", value: func(s *Settings) any { return &s.Top }},
	{Key: "neighbours", Most: 5, value: func(s *Settings) any { return &s.Neighbours }},
	{Key: "rerank", Most: 100, value: func(s *Settings) any { return &s.Rerank }},
	{Key: "evidence", Choices: Evidences, value: func(s *Settings) any { return &s.Evidence }},
	{Key: "temperature", Most: 10, Fraction: true, Preset: "-1", value: func(s *Settings) any { return &s.Temperature }},
	{Key: "max_new_tokens", Most: 4096, Preset: "0", value: func(s *Settings) any { return &s.MaxNewTokens }},
	{Key: "refusal", Choices: Refusals, value: func(s *Settings) any { return &s.Refusal }},
	{Key: "splitter", Choices: Splitters, value: func(s *Settings) any { return &s.Splitter }},
	{Key: "device", value: func(s *Settings) any { return &s.Device }},
	{Key: "dtype", Choices: DTypes, value: func(s *Settings) any { return &s.DType }},
	{Key: "lock_after", Choices: LockAfter, value: func(s *Settings) any { return &s.LockAfter }},
	{Key: "engine_files", Choices: EngineFiles, value: func(s *Settings) any { return &s.EngineFiles }},
	{Key: "strict", Choices: []string{"true", "false"}, value: func(s *Settings) any { return &s.Strict }},
	{Key: "backup_daily", Choices: []string{"true", "false"}, value: func(s *Settings) any { return &s.BackupDaily }},
	{Key: "backup_keep", Least: 1, Most: 30, value: func(s *Settings) any { return &s.BackupKeep }},
	{Key: "backup_folder", Folder: true, value: func(s *Settings) any { return &s.BackupFolder }},
	{Key: "threads", Most: 1024, Preset: "0", value: func(s *Settings) any { return &s.Threads }},
}

// FieldOf finds a field by its key.
func FieldOf(key string) (Field, bool) {
	i := slices.IndexFunc(Fields, func(f Field) bool { return f.Key == key })
	if i < 0 {
		return Field{}, false
	}
	return Fields[i], true
}

// Value is what the field is set to, as a person writes it.
func (f Field) Value(s Settings) string {
	switch v := f.value(&s).(type) {
	case *string:
		return *v
	case *int:
		return strconv.Itoa(*v)
	case *float64:
		return strconv.FormatFloat(*v, 'g', -1, 64)
	case *bool:
		return strconv.FormatBool(*v)
	}
	return ""
}

// Default is the value of a fresh installation.
func (f Field) Default() string { return f.Value(Default()) }

// Set changes the field to what a person wrote: an explained core.ErrUsage, and no change, when that cannot be.
func (f Field) Set(s *Settings, text string) error {
	text = strings.TrimSpace(text)
	if !f.allows(text) {
		return core.Explain(fmt.Errorf("setting %s is %q: %w", f.Key, text, core.ErrUsage), "error.settings.field", f.Key, strconv.Quote(text), f.Allowed())
	}
	switch v := f.value(s).(type) {
	case *string:
		*v = text
	case *int:
		*v, _ = strconv.Atoi(text) // allows has read it
	case *float64:
		*v, _ = strconv.ParseFloat(text, 64)
	case *bool:
		*v = text == "true"
	}
	return nil
}

// Allowed says in signs what the field can be: `"" | ja | en`, `80 - 200`.
func (f Field) Allowed() string {
	if f.Key == "device" {
		return "auto | cpu | cuda | cuda:N"
	}
	if f.Folder {
		return `"" | /...`
	}
	if f.Choices != nil {
		names := slices.Clone(f.Choices)
		for i, n := range names {
			if n == "" {
				names[i] = `""`
			}
		}
		return strings.Join(names, " | ")
	}
	text := fmt.Sprintf("%g - %g", f.Least, f.Most)
	if f.Preset != "" && f.Preset != strconv.FormatFloat(f.Least, 'g', -1, 64) {
		text = f.Preset + " | " + text
	}
	return text
}

func (f Field) allows(text string) bool {
	switch {
	case f.Key == "device":
		return validDevice(text)
	case f.Folder:
		return text == "" || filepath.IsAbs(text) && !strings.ContainsFunc(text, unicode.IsControl)
	case f.Choices != nil:
		return slices.Contains(f.Choices, text)
	case f.Preset != "" && text == f.Preset:
		return true
	}
	n, err := strconv.ParseFloat(text, 64)
	return err == nil && n >= f.Least && n <= f.Most && (f.Fraction || n == math.Trunc(n) && strconv.Itoa(int(n)) == text)
}

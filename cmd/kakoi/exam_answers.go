package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"kakoi/app"
	"kakoi/core"
)

// answerFile keeps the answers of an exam: while it goes on in FILE.part, a line each, and at the end all in FILE. Without a path it keeps nothing.
type answerFile struct {
	path string
	part *os.File
	more bool // FILE.part has answers that this exam does not ask for, fewer questions say: it stays
}

// open reads the answers that an exam of the same key has left, and goes on behind them; those of another key are dropped.
func (f *answerFile) open(key string) ([]app.QuestionAnswer, error) {
	if f.path == "" {
		return nil, nil
	}
	name := f.path + ".part"
	failed := func(err error) error {
		return core.Explain(fmt.Errorf("keep answers in %q: %w", name, err), "error.questions.out", filepath.Base(f.path))
	}
	if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
		return nil, failed(core.ErrUnsupported)
	}
	var known []app.QuestionAnswer
	raw, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed(err)
	}
	good := 0 // bytes of whole lines of this key
	in := bufio.NewReader(bytes.NewReader(raw))
	for first := true; ; first = false {
		line, err := in.ReadBytes('\n')
		if err != nil { // the end, or a line that was cut
			break
		}
		if first {
			var head struct{ Key string }
			if json.Unmarshal(line, &head) != nil || head.Key != key {
				break
			}
		} else {
			var a app.QuestionAnswer
			if json.Unmarshal(line, &a) != nil {
				break
			}
			known = append(known, a)
		}
		good += len(line)
	}
	if f.part, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		return nil, failed(err)
	}
	if err = f.part.Truncate(int64(good)); err == nil {
		_, err = f.part.Seek(int64(good), 0)
	}
	if err == nil && good == 0 {
		err = f.write(map[string]string{"key": key})
	}
	if err != nil {
		return nil, errors.Join(failed(err), f.close())
	}
	return known, nil
}

func (f *answerFile) write(v any) error {
	e := json.NewEncoder(f.part)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// keep adds an answer.
func (f *answerFile) keep(a app.QuestionAnswer) error {
	if f.part == nil {
		return nil
	}
	if err := f.write(a); err != nil {
		return core.Explain(fmt.Errorf("keep answer in %q: %w", f.path, err), "error.questions.out", filepath.Base(f.path))
	}
	return nil
}

func (f *answerFile) close() error {
	if f.part == nil {
		return nil
	}
	part := f.part
	f.part = nil
	return part.Close()
}

// finish writes the report, whole or not at all, and removes what was kept on the way where the report has all of it.
func (f *answerFile) finish(r naturalReport) error {
	if f.part == nil {
		return nil
	}
	err := func() error {
		if err := f.close(); err != nil {
			return err
		}
		raw, err := json.MarshalIndent(r, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(f.path+".new", append(raw, '\n'), 0o600); err != nil {
			return err
		}
		if err := os.Rename(f.path+".new", f.path); err != nil {
			return err
		}
		if f.more {
			return nil
		}
		return os.Remove(f.path + ".part")
	}()
	if err != nil {
		return core.Explain(fmt.Errorf("write answers to %q: %w", f.path, err), "error.questions.out", filepath.Base(f.path))
	}
	return nil
}

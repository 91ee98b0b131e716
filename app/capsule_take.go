package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/index"
)

// taker writes the frames of a capsule into a library.
type taker struct {
	*Capsule
	ctx     context.Context
	plan    *intakePlan
	in      *index.Intake
	changed map[int]bool
	ends    int
	file    interface {
		Write([]byte) (int, error)
		Commit() error
		Close() error
	}
	left   int64
	placed []string // ids of adapters
}

func (t *taker) adapters(parts ...string) string {
	return filepath.Join(append([]string{t.Data, adaptersDir}, parts...)...)
}

func (t *taker) frame(kind byte, payload []byte) error {
	switch kind {
	case frameValues:
		return eachValue(payload, t.value)
	case frameKept, frameChanged, frameGraph, frameNoGraph:
		t.ends++
		return nil
	case frameFile:
		if err := t.close(); err != nil {
			return err
		}
		f, err := decodeFile(payload)
		if err != nil {
			return err
		}
		t.left = f.Size
		id, name, _ := strings.Cut(strings.TrimPrefix(f.Path, adaptersDir+"/"), "/")
		if !t.plan.adapters[id] {
			return nil // it is here
		}
		if !slices.Contains(t.placed, id) {
			if len(t.placed) == 0 {
				err = os.RemoveAll(t.adapters(capsuleFolder))
			}
			if err = errors.Join(err, os.MkdirAll(t.adapters(capsuleFolder, id), 0o700)); err != nil {
				return err
			}
			t.placed = append(t.placed, id)
		}
		w, err := t.Key.Create(t.adapters(capsuleFolder, id, name))
		if err == nil {
			t.file = w
		}
		return err
	case frameBytes:
		if t.file == nil {
			return nil
		}
		_, err := t.file.Write(payload)
		return err
	}
	return errBadBackup
}

// close ends a file of an adapter.
func (t *taker) close() error {
	if t.file == nil {
		return nil
	}
	err := t.file.Commit()
	err = errors.Join(err, t.file.Close())
	t.file = nil
	return err
}

func (t *taker) value(key string, payload []byte) error {
	kind, id, ok := index.RecordOf(key)
	if !ok {
		if t.changed[t.ends] && key[0] != 'c' { // it comes again, or not at all
			return nil
		}
		return t.in.Put(key, payload)
	}
	head, of, ok := record.HeadOf(kind, id)
	if !ok {
		return errBadBackup
	}
	if t.plan.stays[[2]string{head, of}] {
		return t.kept(kind, id, payload)
	}
	payload, err := record.Rename(payload, t.plan.documents, t.plan.names)
	if err != nil {
		return err
	}
	if head == record.KindConversation {
		if payload, err = t.conversation(kind, id, of, payload); err != nil || payload == nil {
			return err
		}
	}
	return t.in.Record(kind, id, payload)
}

// kept notes what is here in another form.
func (t *taker) kept(kind, id string, payload []byte) error {
	if head, _, _ := record.HeadOf(kind, id); head != kind {
		return nil
	}
	payload, err := record.Rename(payload, t.plan.documents, t.plan.names)
	if err != nil {
		return err
	}
	mine, err := t.Store.Record(t.ctx, kind, id)
	if err != nil || bytes.Equal(mine, payload) {
		return nil // what is damaged here is doctor's
	}
	for _, one := range t.plan.Content.Others {
		if one.Kind == kind && one.ID == id {
			t.plan.KeptHere = append(t.plan.KeptHere, one)
		}
	}
	return nil
}

// conversation is a record of one as it comes; nil for what stays as it is here.
func (t *taker) conversation(kind, id, of string, payload []byte) ([]byte, error) {
	both, known := t.plan.turns[of]
	if !known {
		return payload, nil
	}
	if kind != record.KindConversation {
		if t.plan.newer[of] {
			return payload, nil
		}
		_, err := t.Store.Record(t.ctx, kind, id)
		if errors.Is(err, core.ErrNotFound) {
			return payload, nil
		}
		return nil, err
	}
	head, err := record.Decode[record.Conversation](payload)
	if err == nil && !t.plan.newer[of] {
		head, err = record.Book{Store: t.Store}.Head(t.ctx, of)
	}
	if err != nil {
		return nil, err
	}
	head.Turns = both
	return record.Encode(head)
}

// place gives the adapters their places, with a list by which those that count for nothing after a crash are found.
func (t *taker) place() error {
	if len(t.placed) == 0 {
		return nil
	}
	if err := syncTree(t.adapters(capsuleFolder)); err != nil {
		return err
	}
	if err := writeSynced(t.adapters(capsuleList), t.placed); err != nil {
		return err
	}
	for _, id := range t.placed {
		if err := os.Rename(t.adapters(capsuleFolder, id), t.adapters(id)); err != nil {
			return fmt.Errorf("place adapter: %w", err)
		}
	}
	return syncPath(t.adapters())
}

// drop takes the adapters' files back.
func (t *taker) drop() error {
	var err error
	if t.file != nil {
		err = t.file.Close()
	}
	if len(t.placed) == 0 {
		return err
	}
	return errors.Join(err, sweepCapsule(t.adapters(), func(string) bool { return false }))
}

// done ends what place began.
func (t *taker) done() error {
	if len(t.placed) == 0 {
		return nil
	}
	return errors.Join(os.Remove(t.adapters(capsuleList)), os.RemoveAll(t.adapters(capsuleFolder)))
}

// sweepCapsule takes away what an import that did not come to its end left in the folder of adapters: known says of which ids the library knows.
func sweepCapsule(dir string, known func(id string) bool) error {
	var ids []string
	if there, err := readJSON(filepath.Join(dir, capsuleList), &ids); err != nil {
		return err
	} else if there {
		for _, id := range ids {
			if filepath.IsLocal(id) && !strings.ContainsRune(id, filepath.Separator) && !known(id) {
				if err := os.RemoveAll(filepath.Join(dir, id)); err != nil {
					return err
				}
			}
		}
		if err := os.Remove(filepath.Join(dir, capsuleList)); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(dir, capsuleFolder))
}

// readJSON reads a small file; false where there is none.
func readJSON(path string, into any) (bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	return true, nil
}

package resources

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
)

// The folder is written by: go run .setup/licences.go
//
//go:embed licences
var licences embed.FS

// Licence says under which terms a part of the program, or something that comes with it, may be used.
type Licence struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Kind    string   `json:"kind"` // "program", "model", "font", "native", "library"
	Licence string   `json:"licence"`
	Texts   []string `json:"texts"`
}

// Licences lists everything that is built into the program or comes with it.
var Licences = sync.OnceValues(func() ([]Licence, error) {
	raw, err := licences.ReadFile("licences/index.json")
	if err != nil {
		return nil, fmt.Errorf("read licences: %w", err)
	}
	var all []Licence
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("parse licences: %w", err)
	}
	return all, nil
})

// Text is the whole text of a licence; "" where only its name is known.
func (l Licence) Text() (string, error) {
	var texts []string
	for _, name := range l.Texts {
		raw, err := licenceText(name)
		if err != nil {
			return "", fmt.Errorf("read licence of %s: %w", l.Name, err)
		}
		texts = append(texts, strings.ToValidUTF8(string(raw), "?"))
	}
	return strings.Join(texts, "\n\n"), nil
}

// licenceText reads a file of the folder; long ones are packed by gzip.
func licenceText(name string) ([]byte, error) {
	raw, err := licences.ReadFile("licences/" + name)
	if err != nil || path.Ext(name) != ".gz" {
		return raw, err
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r)
	return text, errors.Join(err, r.Close())
}

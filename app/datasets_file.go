package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
)

// previewRows of a file are shown before it is imported.
const previewRows = 20

// readTable reads a file of rows.
func readTable(ctx context.Context, path string, columns dataset.Columns) (dataset.Table, error) {
	name := filepath.Base(path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dataset.Table{}, core.Explain(fmt.Errorf("read rows of %q: %w: %w", path, core.ErrNotFound, err), "error.dataset.file.missing", name)
	case err != nil:
		return dataset.Table{}, core.Explain(fmt.Errorf("read rows of %q: %w", path, err), "error.dataset.file.read", name)
	case info.IsDir():
		return dataset.Table{}, core.Explain(fmt.Errorf("read rows of %q: %w", path, core.ErrUnsupported), "error.dataset.file.kind", name)
	case info.Size() > dataset.MaxFileBytes:
		return dataset.Table{}, core.Explain(fmt.Errorf("read rows of %q: %d bytes: %w", path, info.Size(), core.ErrTooLarge), "error.dataset.file.large", name, dataset.MaxFileBytes>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return dataset.Table{}, core.Explain(fmt.Errorf("read rows of %q: %w", path, err), "error.dataset.file.read", name)
	}
	return dataset.ReadTable(ctx, path, data, columns)
}

// Preview reads a file as Import would: its columns, what they were taken for, the first rows, and all that is wrong.
func (d *Datasets) Preview(ctx context.Context, path string, plan ImportPlan) (dataset.Table, error) {
	t, err := readTable(ctx, path, plan.Columns)
	if len(t.Records) > previewRows {
		t.Records = t.Records[:previewRows]
	}
	return t, err
}

// Import makes a dataset of a person's file. Questions get the prompts that the chat would send; inputs and labels are taken byte for byte.
// Bad lines are left out and told in Problems.
//
// Errors: those of dataset.ReadTable and Build; core.ErrNotFound.
func (d *Datasets) Import(ctx context.Context, path string, plan ImportPlan, opt DatasetOptions) (record.Dataset, error) {
	set, err := plan.settings()
	if err != nil {
		return record.Dataset{}, err
	}
	t, err := readTable(ctx, path, plan.Columns)
	if err != nil {
		return record.Dataset{}, err
	}
	set.Rows = dataset.MaxRows // all lines of the file
	head := record.Dataset{Name: plan.Name, Origin: record.FromFile, File: filepath.Base(path)}
	if head.Name == "" {
		head.Name = strings.TrimSuffix(head.File, filepath.Ext(head.File))
	}
	return d.make(ctx, head, set, opt, func(ctx context.Context, m *making) error {
		for i, p := range t.Problems {
			if i == record.MaxProblems {
				break
			}
			m.head.Problems = append(m.head.Problems, problemOf(p))
		}
		m.head.ProblemCount = len(t.Problems)
		if t.Given() {
			m.rows = t.Rows()
			dataset.Split(m.rows, set.Held, set.Seed, dataset.Group)
			return nil
		}
		c, err := d.Chat.Library.Collection(ctx, plan.Collection)
		if errors.Is(err, core.ErrEmpty) && t.HasPassages() {
			err = nil // nothing has to be found
		}
		if err != nil {
			return err
		}
		m.head.Collection = c.Name
		m.params.Drafts = t.Drafts()
		// Refusal rows by construction are made of the file's questions too; other collections are not asked.
		if m.params.Documents, err = d.foundIn(ctx, c); err != nil {
			return err
		}
		m.params.NoRules = true
		release, err := m.retrieve(ctx, d, c)
		if err != nil {
			return err
		}
		defer release()
		return m.build(ctx)
	})
}

// foundIn are the documents of a collection, if there is one.
func (d *Datasets) foundIn(ctx context.Context, c core.Collection) ([]dataset.Document, error) {
	if c.ID == "" {
		return nil, nil
	}
	return d.documents(ctx, c, nil, false)
}

// Questions are rows of a file of questions and answers as Import would make them, for an exam: none of them is stored or held back, and
// no refusals are made. What is wrong with lines comes in the Table.
func (d *Datasets) Questions(ctx context.Context, path string, plan ImportPlan, p core.Progress) ([]core.Row, dataset.Table, error) {
	t, err := readTable(ctx, path, plan.Columns)
	if err != nil || t.Given() {
		return t.Rows(), t, err
	}
	c, err := d.Chat.Library.Collection(ctx, plan.Collection)
	if err != nil && !(errors.Is(err, core.ErrEmpty) && t.HasPassages()) {
		return nil, t, err
	}
	retriever, release, err := d.retriever(ctx, c, p)
	if err != nil {
		return nil, t, err
	}
	defer release()
	docs, err := d.foundIn(ctx, c)
	if err != nil {
		return nil, t, err
	}
	result, err := dataset.Build(ctx, dataset.Params{Documents: docs, Drafts: t.Drafts(), NoRules: true, Retriever: retriever, Progress: p})
	if err == nil && len(result.Rows) == 0 {
		err = core.Explain(fmt.Errorf("questions of %q: %w", path, core.ErrEmpty), "error.dataset.rows_unfound")
	}
	return result.Rows, t, err
}

func problemOf(p dataset.Problem) record.DatasetProblem {
	f := record.Failed(core.Explain(nil, p.Key, p.Args...))
	return record.DatasetProblem{Line: p.Line, Key: p.Key, Args: f.Args}
}

// Export forms.
const (
	ExportRecipeJSON = "recipe.jsonl" // inputs and labels, as the published recipe has them
	ExportRecipeCSV  = "recipe.csv"
	ExportRowsJSON   = "rows.jsonl" // all of a row
	ExportRowsCSV    = "rows.csv"   // what people read
)

// ExportForms of a dataset.
var ExportForms = []string{ExportRecipeJSON, ExportRecipeCSV, ExportRowsJSON, ExportRowsCSV}

// Export writes a dataset's rows into a file and returns their number. Dropped rows are left out of the recipe's forms.
func (d *Datasets) Export(ctx context.Context, id, path, form string) (int, error) {
	page, err := d.Page(ctx, id, RowFilter{}, 0, 0)
	if err != nil {
		return 0, err
	}
	raw, n, err := dataset.Export(page.Rows, form)
	if err != nil {
		return 0, err
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, raw, 0o600); err != nil {
		return 0, core.Explain(fmt.Errorf("export dataset %s: %w", id, err), "error.dataset.write", path)
	}
	if err := os.Rename(fresh, path); err != nil {
		return 0, core.Explain(fmt.Errorf("export dataset %s: %w", id, errors.Join(err, os.Remove(fresh))), "error.dataset.write", path)
	}
	return n, nil
}

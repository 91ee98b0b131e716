package dataset

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"

	"kakoi/core"
)

// recipeRow is a row as the published recipe keeps it.
type recipeRow struct {
	Inputs string `json:"inputs"`
	Labels string `json:"labels"`
}

// Export writes rows in a form, "recipe.jsonl", "recipe.csv", "rows.jsonl" or "rows.csv", and counts them. The first two have inputs and
// labels of the rows that are not dropped; ReadTable reads them again, to the same rows. CSV begins with a byte order mark, without which
// spreadsheets misread it.
func Export(rows []core.Row, form string) ([]byte, int, error) {
	var b bytes.Buffer
	n := 0
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	w := csv.NewWriter(&b)
	var err error
	write := func(fields ...string) {
		if err == nil {
			err = w.Write(fields)
		}
	}
	isCSV := form == "recipe.csv" || form == "rows.csv"
	if isCSV {
		b.WriteString("\ufeff")
	}
	switch form {
	case "recipe.csv":
		write("inputs", "labels")
	case "rows.csv":
		write("id", "question", "answer", "refusal", "origin", "document", "page", "state", "held", "inputs", "labels")
	case "recipe.jsonl", "rows.jsonl":
	default:
		return nil, 0, core.Explain(fmt.Errorf("export form %q: %w", form, core.ErrUsage), "error.dataset.form", form)
	}
	for _, r := range rows {
		if r.State == core.RowDropped && (form == "recipe.csv" || form == "recipe.jsonl") {
			continue
		}
		n++
		switch form {
		case "recipe.jsonl":
			err = e.Encode(recipeRow{r.Inputs, r.Labels})
		case "recipe.csv":
			write(r.Inputs, r.Labels)
		case "rows.jsonl":
			err = e.Encode(r)
		case "rows.csv":
			document, page := "", ""
			if r.Source != nil {
				document, page = r.Source.Name, strconv.Itoa(r.Source.Page)
			}
			write(r.ID, r.Question, r.Answer, strconv.FormatBool(r.Refusal), string(r.Origin), document, page, string(r.State), strconv.FormatBool(r.Held), r.Inputs, r.Labels)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("export row %s: %w", r.ID, err)
		}
	}
	w.Flush()
	return b.Bytes(), n, w.Error()
}

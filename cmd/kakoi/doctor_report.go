package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kakoi/app/proof"
	"kakoi/core"
	"kakoi/resources"
)

// runReport writes the report for a security officer: kakoi doctor --report FILE.
func runReport(ctx context.Context, c *call, name string) error {
	path := c.path(name)
	kind := strings.ToLower(filepath.Ext(path))
	if kind != ".pdf" && kind != ".json" {
		return core.Explain(fmt.Errorf("report %q: %w", name, core.ErrUsage), "error.report.kind", name)
	}
	b := c.newBar()
	r, err := c.host.report(ctx, c, path, c.lang, b.progress())
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		if err := c.emit(map[string]any{"file": path, "ok": r.OK, "failed": r.Failed}); err != nil {
			return err
		}
	} else if r.OK {
		fmt.Fprintln(c.Out, c.text("cli.doctor.report_good", sanitize(path, false)))
	} else {
		fmt.Fprintln(c.Out, c.text("cli.doctor.report_bad", sanitize(path, false)))
		for _, f := range r.Failed {
			fmt.Fprintln(c.Out, "  "+c.text("report.fail."+f))
		}
	}
	if !r.OK {
		return errFailed
	}
	return nil
}

// report tries everything anew and writes what came of it, as JSON or PDF by the end of the name.
func (h *host) report(ctx context.Context, c *call, path, lang string, p core.Progress) (proof.Report, error) {
	r, err := proof.Collect(ctx, h.sources(c), p)
	if err != nil {
		return r, err
	}
	var out bytes.Buffer
	if strings.EqualFold(filepath.Ext(path), ".json") {
		encode := json.NewEncoder(&out)
		encode.SetEscapeHTML(false)
		encode.SetIndent("", "  ")
		err = encode.Encode(r)
	} else {
		err = proof.WritePDF(ctx, &out, r, filepath.Join(c.program.home, "fonts"), lang, resources.Format)
	}
	if err != nil {
		return r, fmt.Errorf("make report: %w", err)
	}
	if err := writeWhole(path, out.Bytes()); err != nil {
		return r, core.Explain(err, "error.report.write", path)
	}
	return r, nil
}

// sources are what a report of this data folder is made from.
func (h *host) sources(c *call) proof.Sources {
	p := c.program
	s := proof.Sources{
		Proof: p.proof, Version: version, Home: p.home, Binary: p.engineParams().Binary, Data: c.data, Fonts: existing(filepath.Join(p.home, "fonts")),
		Strict: h.settings.Get().Strict, Key: installedKey(p.home), Licences: []proof.Licence{}, Env: p.env,
		Explain: func(err error) string {
			sentence, _ := resources.ErrorText(c.lang, err)
			return sanitize(sentence, false)
		},
		Engine: func(ctx context.Context) (proof.Engine, error) {
			client, err := h.engine.Client(ctx)
			if err != nil {
				return nil, err
			}
			e, ok := client.(proof.Engine)
			if !ok {
				return nil, fmt.Errorf("engine of another kind: %w", core.ErrUnsupported)
			}
			return e, nil
		},
	}
	if all, err := resources.Licences(); err == nil {
		for _, l := range all {
			s.Licences = append(s.Licences, proof.Licence{Name: l.Name, Version: l.Version, Kind: l.Kind, Licence: l.Licence})
		}
	}
	return s
}

// writeWhole writes a file so that there is the old one or the whole new one.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // a no-op after the rename
	_, err = f.Write(data)
	if serr := f.Sync(); err == nil {
		err = serr
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

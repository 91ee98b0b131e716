package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/app/proof"
)

// The engine of these tests is a stand-in that cannot be looked at: the report says so, and is written all the same.
func TestDoctorReport(t *testing.T) {
	w := newWorld(t)
	name := filepath.Join(t.TempDir(), "report.json")
	said := w.want(1, "doctor", "--report", name)
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var r proof.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	if r.OK || !slices.Equal(r.Failed, []string{proof.FailEngine}) || r.Engine.Error == "" || !strings.Contains(said.out, "kakoi-engine") {
		t.Errorf("failed %v, said %q", r.Failed, said.out)
	}
	if p := r.Kakoi.Proof; len(p.Attempts) < 14 || p.Refusals() != len(p.Attempts) || p.Process == nil || len(p.Process.Networked()) != 0 {
		t.Errorf("kakoi: %+v", p)
	}
	if len(r.Licences) == 0 {
		t.Error("no licences")
	}
	for _, bad := range []string{"report.txt", "report"} {
		w.want(2, "doctor", "--report", filepath.Join(t.TempDir(), bad))
	}
	w.want(1, "doctor", "--report", filepath.Join(t.TempDir(), "none", "report.json"))
}

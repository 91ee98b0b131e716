package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
)

func TestDoctor(t *testing.T) {
	w := newWorld(t)
	// doctor reads the models' files: the starter model is real, an embedder is none of the tree's.
	if err := os.RemoveAll(filepath.Join(w.home, "models")); err != nil {
		t.Fatal(err)
	}
	starter, err := filepath.Abs("../../resources/starter")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(w.home, "models"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(starter, filepath.Join(w.home, "models", "starter")); err != nil {
		t.Fatal(err)
	}
	r := objects[app.Health](t, w.want(0, "doctor", "--json").out)[0]
	if !r.OK || !r.Library.OK || !r.Engine.OK || len(r.Engine.Checks) != 1 || r.Engine.Reason == "" {
		t.Errorf("report is %+v", r)
	}
	if len(r.Closed.Attempts) < 10 || r.Closed.Refusals() != len(r.Closed.Attempts) || !r.Closed.NoNewPrivs {
		t.Errorf("proof is %+v", r.Closed)
	}
	if len(r.Models) != 1 || r.Models[0].Name != "starter" || len(r.Models[0].ID) != 16 || !r.Models[0].OK {
		t.Errorf("models are %+v", r.Models)
	}
	if said := w.want(0, "doctor"); !strings.Contains(said.out, "AF_INET6") || !strings.Contains(said.out, "in order") {
		t.Errorf("said %q", said.out)
	}

	sick := *w
	sick.env = append(sick.env, "KAKOI_TEST_SICK=1")
	if said := sick.want(1, "doctor"); !strings.Contains(said.out, "BAD") {
		t.Errorf("a failed self-test: %q", said.out)
	}
	if r := objects[app.Health](t, sick.want(1, "doctor", "--json").out)[0]; r.OK || r.Engine.OK {
		t.Errorf("a failed self-test: %+v", r)
	}
}

func TestDoctorFindsAChangedModel(t *testing.T) {
	w := newWorld(t)
	starter, err := filepath.Abs("../../resources/starter")
	if err != nil {
		t.Fatal(err)
	}
	w.want(0, "model", "import", starter, "--name", "mine")
	if r := w.want(0, "model", "list"); !strings.Contains(r.out, "mine") || !strings.Contains(r.out, "* starter") {
		t.Errorf("list said %q", r.out)
	}
	w.want(0, "model", "use", "mine")
	if checked := w.want(0, "model", "check", "mine"); !strings.Contains(checked.out, "sound") {
		t.Errorf("check said %q", checked.out)
	}
	if s := objects[app.Speed](t, w.want(0, "model", "speed", "mine", "--json").out)[0]; s.Decode <= 0 || s.Device == "" {
		t.Errorf("speed is %+v", s)
	}
	w.want(1, "model", "remove", "--yes", "mine")
	config := filepath.Join(w.data, "models", "mine", "config.json")
	raw, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, append(raw, ' '), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := objects[app.Health](t, w.want(1, "doctor", "--json").out)[0]
	for _, m := range r.Models {
		if m.Name == "mine" && (m.OK || !strings.Contains(m.Error, "config.json")) {
			t.Errorf("changed model: %+v", m)
		}
	}
	w.want(0, "model", "use", "starter")
	w.want(0, "model", "remove", "--yes", "mine")
}

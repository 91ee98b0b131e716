package proof_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/app/proof"
)

// fields are the names of all members of a JSON form: "a.b", with [] behind a list.
func fields(t reflect.Type, at string, out *[]string) {
	switch {
	case t == reflect.TypeFor[time.Time]():
	case t.Kind() == reflect.Pointer:
		fields(t.Elem(), at, out)
		return
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		fields(t.Elem(), at+"[]", out)
		return
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case !f.IsExported() || name == "-":
			case f.Anonymous && name == "":
				fields(f.Type, at, out)
			case name == "":
				fields(f.Type, strings.TrimPrefix(at+"."+f.Name, "."), out)
			default:
				fields(f.Type, strings.TrimPrefix(at+"."+name, "."), out)
			}
		}
		return
	}
	*out = append(*out, at)
}

// TestReportFieldsAreDocumented: docs/report.md names every field of the JSON form, and no other; so it does the things that can fail.
func TestReportFieldsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| *(\\S.*) \\|$").FindAllStringSubmatch(string(raw), -1) {
		documented = append(documented, row[1])
	}
	fields(reflect.TypeFor[proof.Report](), "", &want)
	for i, f := range want { // both processes have the same fields
		for _, process := range []string{"kakoi.", "engine."} {
			if rest, ok := strings.CutPrefix(f, process); ok {
				want[i] = "PROCESS." + rest
			}
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	for _, f := range want {
		if !slices.Contains(documented, f) {
			t.Errorf("docs/report.md does not name %s", f)
		}
	}
	for i, f := range documented {
		if !slices.Contains(want, f) || slices.Contains(documented[:i], f) {
			t.Errorf("docs/report.md names %s, which the report has not, or names it twice", f)
		}
	}
	for _, f := range []string{
		proof.FailKakoiNetwork, proof.FailKakoiThreads, proof.FailKakoiSockets, proof.FailEngine, proof.FailEngineNetwork, proof.FailEngineThreads, proof.FailEngineSockets, proof.FailEngineFiles,
		proof.FailEngineNotShut, proof.FailPDF, proof.FailManifest, proof.FailLibraries, proof.FailMemory, proof.FailEngineSelftest, proof.FailEngineIdentity,
		proof.DiskEncrypted, proof.DiskPlain, proof.DiskUnknown, proof.LeakAbsent, proof.LeakOff, proof.LeakOpen, proof.LeakOutside, proof.Format,
	} {
		if !strings.Contains(string(raw), "`"+f+"`") {
			t.Errorf("docs/report.md does not explain the value %s", f)
		}
	}
}

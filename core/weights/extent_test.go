package weights_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core/weights"
)

// The file's bytes at an Extent are the tensor's.
func TestExtent(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	specs := []weights.Spec{{Name: "a", DType: weights.F16, Shape: []int64{3, 2}}, {Name: "b", DType: weights.U8, Shape: []int64{5}}}
	data := [][]byte{[]byte("0123456789ab"), []byte("hello")}
	err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), specs, func(i int, w io.Writer) error {
		_, err := w.Write(data[i])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, s := range specs {
		x, ok := f.Extent(s.Name)
		if !ok {
			t.Fatalf("%s: no extent", s.Name)
		}
		file, err := os.ReadFile(x.Path)
		if err != nil {
			t.Fatal(err)
		}
		if got := file[x.Offset : x.Offset+x.Bytes]; !bytes.Equal(got, data[i]) {
			t.Errorf("%s: %q", s.Name, got)
		}
	}
	if _, ok := f.Extent("c"); ok {
		t.Error("an extent of nothing")
	}
}

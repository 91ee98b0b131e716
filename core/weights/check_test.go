package weights_test

import (
	"context"
	"encoding/json"
	"testing"

	"kakoi/core/weights"
)

func TestCheckStarter(t *testing.T) {
	r, err := weights.Check(context.Background(), "../../resources/starter", weights.Generator, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Unused) != 0 || r.Layers != 12 || r.Vocab != 20480 || r.Tokenizer.Size != 20480 || r.Storage != "NF4" || !r.Tied || len(r.Files) != 5 || r.Parameters != 48315392 {
		b, _ := json.Marshal(r)
		t.Errorf("report %s", b)
	}
}

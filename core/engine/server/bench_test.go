package server_test

import (
	"errors"
	"testing"

	"kakoi/core"
	"kakoi/core/engine/server"
)

func TestParseBench(t *testing.T) {
	for _, test := range []struct {
		kind, options string
		ok            bool
	}{
		{"decode", `{"model":"m","tokens":32}`, true},
		{"decode", `{"shape":"rinna-4b"}`, true},
		{"embed", `{"shape":"rinna-4b"}`, false},
		{"decode", `{"shape":"cube"}`, false},
		{"decode", `{"model":"m","lookup":true}`, true},
		{"decode", `{"shape":"rinna-4b","lookup":true}`, false},
		{"prefill", `{"model":"m","lookup":true}`, false},
		{"decode", `{"model":"m","tokens":-1}`, false},
		{"decode", `{"model":7}`, false},
		{"decode", ``, false},
	} {
		o, err := server.ParseBench(test.kind, []byte(test.options))
		if (err == nil) != test.ok || err != nil && !errors.Is(err, core.ErrUsage) {
			t.Errorf("%s %s: %+v, %v", test.kind, test.options, o, err)
		}
	}
}

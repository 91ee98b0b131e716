package landlock

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// variable carries an announcement to the program that is closed.
const variable = "KAKOI_LANDLOCK"

// Announce is env with what tells a program its State, and which paths it has to be refused: Inherited tries them.
func Announce(env []string, s State, outside []string) ([]string, error) {
	s.Outside = append([]string{}, outside...)
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("announce the rules: %w", err)
	}
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, variable+"=") })
	return append(env, variable+"="+string(b)), nil
}

// Inherited reads what was announced, takes it out of the environment, and tries whether the rest is refused: opening, listing and writing
// outside, running a program, a signal to the parent. An error (ErrOpen) names what was not, though it should be. A program that
// was told nothing gives a State that is not on, with ReasonTool.
func Inherited() (State, error) {
	raw := os.Getenv(variable)
	if err := os.Unsetenv(variable); err != nil {
		return State{}, fmt.Errorf("clean the environment: %w", err)
	}
	if raw == "" {
		return Open(ReasonTool), nil
	}
	var s State
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return State{}, fmt.Errorf("read the rules announced: %w", err)
	}
	return s.Again()
}

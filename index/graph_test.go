package index_test

import (
	"testing"

	"kakoi/index"
)

// withGraph runs a test of the exact search again with a graph, however small the library, in child processes too.
func withGraph(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Setenv(graphKey, "1")
	defer index.GraphFrom(1)()
	test(t)
}

func TestGraphAgainstModel(t *testing.T)      { withGraph(t, TestAgainstModel) }
func TestGraphSearchWhileAdding(t *testing.T) { withGraph(t, TestSearchWhileAdding) }
func TestGraphAddEditRemove(t *testing.T)     { withGraph(t, TestAddEditRemove) }
func TestGraphRemovalErases(t *testing.T)     { withGraph(t, TestRemovalErases) }
func TestGraphRemoveCollection(t *testing.T)  { withGraph(t, TestRemoveCollection) }
func TestGraphFullDisk(t *testing.T)          { withGraph(t, TestFullDisk) }
func TestGraphKill(t *testing.T)              { withGraph(t, TestKill) }

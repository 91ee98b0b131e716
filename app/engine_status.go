package app

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"kakoi/core"
	"kakoi/core/engine"
)

// EngineStatus is what the engine process holds, for the window's strip and for doctor.
type EngineStatus struct {
	Running     bool          `json:"running"`
	PID         int           `json:"pid"`
	Bytes       int64         `json:"bytes"`  // resident in main memory
	Device      string        `json:"device"` // name of what it computes on
	OnCPU       bool          `json:"on_cpu"`
	DeviceFree  int64         `json:"device_free"`
	DeviceTotal int64         `json:"device_total"` // bytes; of main memory on a CPU
	Models      []EngineModel `json:"models"`
	Restarts    int           `json:"restarts"`
	LastCrash   string        `json:"last_crash,omitempty"`
}

// EngineModel is a model in the engine's memory.
type EngineModel struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"` // "chat", "embedder"
	DType string `json:"dtype"`
	Bytes int64  `json:"bytes"`
}

// Status asks the engine process what it holds. It never starts one: without a process Running is false.
func (e *Engine) Status(ctx context.Context) (EngineStatus, error) {
	e.mu.Lock()
	l := e.client
	closed := e.closed
	e.mu.Unlock()
	if l == nil || closed {
		return EngineStatus{}, nil
	}
	select {
	case <-l.done:
	default: // on its way
		return EngineStatus{}, nil
	}
	c, ok := l.value.(interface {
		Running() bool
		Status(ctx context.Context) (engine.Status, error)
	})
	if l.err != nil || !ok || !c.Running() {
		return EngineStatus{}, nil
	}
	st, err := c.Status(ctx)
	if err != nil {
		return EngineStatus{}, fmt.Errorf("ask the engine what it holds: %w", err)
	}
	s := EngineStatus{
		Running: true, PID: st.PID, Bytes: st.ResidentBytes, Device: st.Device.Name, OnCPU: st.Device.Device == "cpu",
		DeviceFree: st.Device.FreeBytes, DeviceTotal: st.Device.MemoryBytes, Restarts: st.Restarts, LastCrash: st.LastCrash,
	}
	for _, m := range st.Models {
		s.Models = append(s.Models, engineModel(m))
	}
	return s, nil
}

// engineModel reads the part that both kinds of info share; a chat model's has more.
func engineModel(m engine.LoadedModel) EngineModel {
	var info core.GeneratorInfo
	if err := json.Unmarshal(m.Info, &info); err != nil || info.Name == "" {
		info.Name = filepath.Base(m.Dir)
	}
	kind := string(KindEmbedder)
	switch m.Kind {
	case "generator":
		kind = string(KindChat)
	case "reranker":
		kind = string(KindReranker)
	}
	return EngineModel{Name: info.Name, Kind: kind, DType: info.DType, Bytes: info.Bytes}
}

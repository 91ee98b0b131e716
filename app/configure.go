package app

import (
	"kakoi/app/settings"
	"kakoi/core/rag"
)

// Configure changes settings. Where the models run in another way after it they are loaded anew when they are next needed;
// calls that use one come to their end first.
func (m *Models) Configure(change func(*settings.Settings)) error {
	old := m.options()
	if err := m.Settings.Update(change); err != nil {
		return err
	}
	if m.options() != old {
		m.Engine.Renew()
	}
	return nil
}

// PresetValues are what a preset of answers stands for where nothing else is set.
func PresetValues(preset string) (top int, temperature float64, maxNewTokens int, err error) {
	how, err := rag.Preset(preset)
	return how.Passages, how.Sampling.Temperature, how.Sampling.MaxNewTokens, err
}

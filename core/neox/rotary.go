package neox

import "math"

// rotaryTables gives cos and sin of the angles p / base^(2i/R) for positions p < positions and i < R/2,
// row by row [positions, R/2] (arXiv 2104.09864). Frequencies and angles are rounded to fp32 as
// transformers computes them, so that both turn by the same angle at large positions.
func rotaryTables(c Config, positions int) (cos, sin []float32) {
	half := c.RotaryDims() / 2
	freq := make([]float32, half)
	typ, factor := c.rope()
	for i := range freq {
		e := float32(2*i) / float32(c.RotaryDims())
		freq[i] = 1 / float32(math.Pow(c.RotaryBase, float64(e)))
		if typ == "linear" {
			freq[i] /= float32(factor)
		}
	}
	cos, sin = make([]float32, positions*half), make([]float32, positions*half)
	for p := range positions {
		for i, f := range freq {
			angle := float64(float32(p) * f)
			cos[p*half+i], sin[p*half+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	return cos, sin
}

package plot

import (
	"math"
	"strconv"
)

// Frame says where a step and a loss stand in a picture, in pixels.
type Frame struct {
	Left, Top, Right, Bottom float64 // of the curves
	X0, X1                   float64 // steps at Left and Right
	Y0, Y1                   float64 // losses at Bottom and Top
	Log                      bool
}

// X is where a step stands.
func (f Frame) X(step float64) float64 {
	return f.Left + (step-f.X0)/(f.X1-f.X0)*(f.Right-f.Left)
}

// Step is the step that stands at x.
func (f Frame) Step(x float64) float64 {
	return f.X0 + (x-f.Left)/(f.Right-f.Left)*(f.X1-f.X0)
}

// Y is where a loss stands.
func (f Frame) Y(loss float64) float64 {
	y, low, high := loss, f.Y0, f.Y1
	if f.Log {
		y, low, high = math.Log(y), math.Log(low), math.Log(high)
	}
	return f.Bottom - (y-low)/(high-low)*(f.Bottom-f.Top)
}

// setRange takes the least and the greatest loss and leaves some room around them; a scale that comes near to 0 begins there.
func (f *Frame) setRange(low, high float64) {
	switch {
	case low > high: // none
		f.Y0, f.Y1 = 0, 1
		if f.Log {
			f.Y0 = 0.1
		}
	case f.Log:
		if high < low*1.02 {
			low, high = low/1.02, high*1.02
		}
		room := math.Pow(high/low, 0.06)
		f.Y0, f.Y1 = low/room, high*room
	default:
		room := 0.06 * (high - low)
		if room == 0 {
			room = math.Max(0.05*math.Abs(high), 1e-6)
		}
		f.Y0, f.Y1 = low-room, high+room
		if low >= 0 && low < 0.3*high {
			f.Y0 = 0
		}
	}
}

// tick is a place of an axis.
type tick struct {
	at   float64
	text string
}

// lossTicks are about so many round losses.
func (f Frame) lossTicks(want float64) []tick {
	if f.Log && f.Y1/f.Y0 > 8 {
		return f.decades(want)
	}
	step := round((f.Y1 - f.Y0) / want)
	return ticks(f.Y0, f.Y1, step)
}

// decades are the losses of a long logarithmic scale: powers of ten, with 2 and 5 between them where there is room.
func (f Frame) decades(want float64) []tick {
	between := []float64{1}
	if math.Log10(f.Y1/f.Y0)*3 <= 1.6*want {
		between = []float64{1, 2, 5}
	}
	every := max(1, math.Ceil(math.Log10(f.Y1/f.Y0)/want))
	var out []tick
	for e := math.Floor(math.Log10(f.Y0)); e <= math.Log10(f.Y1); e++ {
		if math.Mod(e, every) != 0 {
			continue
		}
		for _, m := range between {
			at, err := strconv.ParseFloat(strconv.FormatFloat(m, 'f', -1, 64)+"e"+strconv.Itoa(int(e)), 64)
			if err == nil && at >= f.Y0 && at <= f.Y1 {
				out = append(out, tick{at, strconv.FormatFloat(at, 'g', -1, 64)})
			}
		}
	}
	return out
}

// stepTicks are about so many whole steps.
func (f Frame) stepTicks(want float64) []tick {
	return ticks(f.X0, f.X1, max(1, round((f.X1-f.X0)/want)))
}

// round gives the next number of 1, 2, 5 and their tens that is not less.
func round(x float64) float64 {
	if x <= 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return 1
	}
	ten := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if x <= m*ten*(1+1e-9) {
			return m * ten
		}
	}
	return 10 * ten
}

func ticks(from, to, step float64) []tick {
	places := int(math.Max(0, math.Ceil(-math.Log10(step)-1e-9)))
	var out []tick
	for n := math.Ceil(from/step - 1e-9); n*step <= to+step*1e-9; n++ {
		at := n * step
		out = append(out, tick{at, strconv.FormatFloat(at+0, 'f', places, 64)})
	}
	return out
}

// Number writes a loss as people compare them: four places below 10.
func Number(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "—"
	case math.Abs(x) >= 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case math.Abs(x) >= 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case math.Abs(x) >= 0.001 || x == 0:
		return strconv.FormatFloat(x, 'f', 4, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

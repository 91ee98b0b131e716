package bert

import "math"

// poolHost pools the hidden states of one window, x [tokens, hidden], as sentence-transformers' Pooling does. The
// first skip tokens, a prompt, count only for the weights of "weightedmean". dst is [len(modes) * hidden].
func poolHost(dst, x []float32, hidden int, modes []string, skip int) {
	n := len(x) / hidden
	skip = min(skip, n-1)
	row := func(i int) []float32 { return x[i*hidden : (i+1)*hidden] }
	for m, mode := range modes {
		out := dst[m*hidden : (m+1)*hidden]
		switch mode {
		case "cls":
			copy(out, row(skip))
		case "lasttoken":
			copy(out, row(n-1))
		case "max":
			copy(out, row(skip))
			for i := skip + 1; i < n; i++ {
				for j, v := range row(i) {
					out[j] = max(out[j], v)
				}
			}
		default:
			clear(out)
			total := float32(0)
			for i := skip; i < n; i++ {
				w := float32(1)
				if mode == "weightedmean" {
					w = float32(i + 1)
				}
				total += w
				for j, v := range row(i) {
					out[j] += w * v
				}
			}
			scale(out, 1/meanDivisor(mode, total))
		}
	}
}

func meanDivisor(mode string, total float32) float32 {
	if mode == "mean_sqrt_len_tokens" {
		return float32(math.Sqrt(float64(total)))
	}
	return total
}

func scale(v []float32, by float32) {
	for i := range v {
		v[i] *= by
	}
}

// normalise makes v's length 1 and reports whether that was possible.
func normalise(v []float32) bool {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if !(sum > 0) || math.IsInf(sum, 0) {
		return false
	}
	scale(v, float32(1/math.Sqrt(sum)))
	return true
}

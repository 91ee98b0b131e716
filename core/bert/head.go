package bert

import (
	"math"
)

// scorer is the head of a cross-encoder, on the first token's hidden state: dense, tanh, and one output (BertForSequenceClassification's pooler and
// classifier; RobertaClassificationHead).
type scorer struct {
	dense, bias []float32 // [H, H], [H]
	out         []float32 // [H]
	outBias     float32
}

// score is the logit of a hidden state [H].
func (s *scorer) score(x []float32) float32 {
	h := len(x)
	sum := float64(s.outBias)
	for i := range h {
		row := s.dense[i*h : (i+1)*h]
		v := float64(s.bias[i])
		for j, w := range row {
			v += float64(w) * float64(x[j])
		}
		sum += math.Tanh(v) * float64(s.out[i])
	}
	return float32(sum)
}

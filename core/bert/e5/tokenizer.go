package e5

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// namedScore is the score of pieces that only their ids may produce (<s>): far below any path a text's own
// characters make, so their names in a text are text.
const namedScore = -100

// space is sentencepiece's mark of a space.
const space = "\u2581"

type object = map[string]any

// tokenizerJSON writes the Unigram tokenizer as Hugging Face's library reads it, the shape of XLM-R's own: the
// character table, runs of spaces made one, a space put in front, <s> text </s>.
func (f *file) tokenizerJSON() ([]byte, error) {
	chars, err := charsmap(f.table)
	if err != nil {
		return nil, err
	}
	special := map[int]bool{f.bos: true, f.pad: true, f.eos: true, f.unk: true}
	for i := len(f.pieces) - 1; i > f.unk; i-- {
		if f.pieces[i] == "<mask>" {
			special[i] = true
			break
		}
	}
	var added []object
	for i := range f.pieces {
		if special[i] {
			added = append(added, object{"id": i, "content": f.pieces[i], "single_word": false, "lstrip": f.pieces[i] == "<mask>", "rstrip": false, "normalized": false, "special": true})
		}
	}
	bos, eos := f.pieces[f.bos], f.pieces[f.eos]
	meta := object{"type": "Metaspace", "replacement": space, "prepend_scheme": "always", "split": true}
	head, err := encode(object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": object{"type": "Sequence", "normalizers": []object{
			{"type": "Precompiled", "precompiled_charsmap": base64.StdEncoding.EncodeToString(chars)},
			{"type": "Replace", "pattern": object{"Regex": " {2,}"}, "content": " "},
		}},
		"pre_tokenizer": meta,
		"post_processor": object{
			"type": "TemplateProcessing",
			"single": []object{
				{"SpecialToken": object{"id": bos, "type_id": 0}}, {"Sequence": object{"id": "A", "type_id": 0}}, {"SpecialToken": object{"id": eos, "type_id": 0}},
			},
			"pair": []object{
				{"SpecialToken": object{"id": bos, "type_id": 0}}, {"Sequence": object{"id": "A", "type_id": 0}}, {"SpecialToken": object{"id": eos, "type_id": 0}},
				{"SpecialToken": object{"id": eos, "type_id": 0}}, {"Sequence": object{"id": "B", "type_id": 0}}, {"SpecialToken": object{"id": eos, "type_id": 0}},
			},
			"special_tokens": object{
				bos: object{"id": bos, "ids": []int{f.bos}, "tokens": []string{bos}},
				eos: object{"id": eos, "ids": []int{f.eos}, "tokens": []string{eos}},
			},
		},
		"decoder": meta,
		"model":   json.RawMessage(`{}`),
	})
	if err != nil {
		return nil, err
	}
	// The vocabulary is written by hand: a general encoder would hold it four times.
	var model bytes.Buffer
	fmt.Fprintf(&model, `"model":{"type":"Unigram","unk_id":%d,"byte_fallback":false,"vocab":[`, f.unk)
	for i, piece := range f.pieces {
		text, err := encode(piece)
		if err != nil {
			return nil, err
		}
		score := float64(f.scores[i])
		if special[i] {
			score = namedScore
		}
		if math.IsNaN(score) || math.IsInf(score, 0) {
			return nil, fmt.Errorf("piece %d: score %v", i, score)
		}
		if i > 0 {
			model.WriteByte(',')
		}
		model.WriteByte('[')
		model.Write(text)
		model.WriteByte(',')
		model.Write(strconv.AppendFloat(nil, score, 'g', -1, 64))
		model.WriteByte(']')
	}
	model.WriteString("]}")
	return bytes.Replace(head, []byte(`"model":{}`), model.Bytes(), 1), nil
}

// encode is JSON without HTML escapes and without a line end.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

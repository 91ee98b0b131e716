package token

import (
	"encoding/json"
	"fmt"
	"strconv"

	"kakoi/core"
)

// scored is a piece with its log-probability.
type scored struct {
	text  string
	score float64
}

var errJSON = fmt.Errorf("read tokenizer.json: not as expected: %w", core.ErrCorrupt)

// cutVocab reads the member "vocab" of the object "model" by hand, since a general decoder takes half a second for
// 250,000 pieces, and returns the rest of the file with an empty one in its place. Without a list there, vocab is
// nil: a model of another kind.
func cutVocab(data []byte) (head []byte, vocab []scored, err error) {
	s := &scanner{data: data}
	start, end := -1, -1
	err = s.object(func(key string) error {
		if key != "model" {
			return s.skip()
		}
		return s.object(func(key string) error {
			s.white()
			if key != "vocab" || s.at >= len(data) || data[s.at] != '[' {
				return s.skip()
			}
			start = s.at
			var err error
			vocab, err = s.vocab()
			end = s.at
			return err
		})
	})
	if err != nil {
		return nil, nil, err
	}
	if start < 0 {
		return nil, nil, errOther
	}
	head = append(head, data[:start]...)
	head = append(head, "[]"...)
	return append(head, data[end:]...), vocab, nil
}

// scanner walks over JSON text.
type scanner struct {
	data []byte
	at   int
}

func (s *scanner) white() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return
		}
	}
}

// next skips white space and takes the byte c, or fails.
func (s *scanner) next(c byte) error {
	s.white()
	if s.at >= len(s.data) || s.data[s.at] != c {
		return errJSON
	}
	s.at++
	return nil
}

func (s *scanner) peek() byte {
	s.white()
	if s.at >= len(s.data) {
		return 0
	}
	return s.data[s.at]
}

// object calls member for each key, standing before its value, which member must take.
func (s *scanner) object(member func(key string) error) error {
	if err := s.next('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		s.white()
		key, err := s.text()
		if err != nil {
			return err
		}
		if err := s.next(':'); err != nil {
			return err
		}
		if err := member(key); err != nil {
			return err
		}
		if s.peek() != ',' {
			return s.next('}')
		}
		s.at++
	}
}

// text takes a string.
func (s *scanner) text() (string, error) {
	if s.at >= len(s.data) || s.data[s.at] != '"' {
		return "", errJSON
	}
	from := s.at
	escaped := false
	for s.at++; s.at < len(s.data); s.at++ {
		switch s.data[s.at] {
		case '\\':
			escaped = true
			s.at++
		case '"':
			s.at++
			if !escaped {
				return string(s.data[from+1 : s.at-1]), nil
			}
			var t string
			if json.Unmarshal(s.data[from:s.at], &t) != nil {
				return "", errJSON
			}
			return t, nil
		}
	}
	return "", errJSON
}

// skip takes any value.
func (s *scanner) skip() error {
	depth := 0
	for {
		switch c := s.peek(); c {
		case 0:
			return errJSON
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case ',', ':':
			s.at++
			continue
		case '"':
			if _, err := s.text(); err != nil {
				return err
			}
		default:
			for s.at < len(s.data) && !endsWord(s.data[s.at]) {
				s.at++
			}
		}
		if depth <= 0 {
			return nil
		}
	}
}

func endsWord(c byte) bool {
	switch c {
	case ',', ':', '{', '}', '[', ']', ' ', '\n', '\t', '\r', '"':
		return true
	}
	return false
}

// vocab takes [["piece", score], ...].
func (s *scanner) vocab() ([]scored, error) {
	out := make([]scored, 0, 1<<16)
	if err := s.next('['); err != nil {
		return nil, err
	}
	if s.peek() == ']' {
		s.at++
		return out, nil
	}
	for {
		if err := s.next('['); err != nil {
			return nil, err
		}
		s.white()
		text, err := s.text()
		if err != nil {
			return nil, err
		}
		if err := s.next(','); err != nil {
			return nil, err
		}
		s.white()
		from := s.at
		for s.at < len(s.data) && !endsWord(s.data[s.at]) {
			s.at++
		}
		score, err := strconv.ParseFloat(string(s.data[from:s.at]), 64)
		if err != nil {
			return nil, errJSON
		}
		if err := s.next(']'); err != nil {
			return nil, err
		}
		if len(out) == maxPieces {
			return nil, fmt.Errorf("read tokenizer.json: over %d pieces: %w", maxPieces, core.ErrTooLarge)
		}
		out = append(out, scored{text, score})
		if s.peek() != ',' {
			return out, s.next(']')
		}
		s.at++
	}
}

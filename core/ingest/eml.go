package ingest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"kakoi/core"
)

const maxMailDepth = 20 // parts in parts

// emlText parses a mail (RFC 5322, RFC 2045 to 2047, RFC 2231).
type emlReader struct {
	q     *budget
	m     *mail
	parts int
}

// emlMail parses a message. What is against the rules is read as far as it goes: mails live long and go through many hands.
func emlMail(q *budget, data []byte, web bool) (*mail, error) {
	e := &emlReader{q: q, m: &mail{web: web}}
	data = bytes.TrimLeft(data, "\r\n")
	if bytes.HasPrefix(data, []byte("From ")) { // a line of mbox
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			data = data[i+1:]
		}
	}
	head, body := splitHead(data)
	if len(head) == 0 {
		return nil, fmt.Errorf("mail without header: %w", core.ErrCorrupt)
	}
	m := e.m
	m.subject, m.from, m.to, m.cc = oneLine(decodeHeader(head["subject"])), addresses(head["from"]), addresses(head["to"]), addresses(head["cc"])
	m.date = mailDate(head["date"])
	text, err := e.part(head, body, 0)
	if err != nil {
		return nil, err
	}
	m.body = text.text
	return m, q.err
}

// splitHead reads header fields, by lower-case name, the first of each, and gives what follows the empty line.
func splitHead(data []byte) (map[string]string, []byte) {
	head := map[string]string{}
	last := ""
	for len(data) > 0 {
		line, rest := data, []byte(nil)
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			line, rest = data[:i], data[i+1:]
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return head, rest
		}
		name, value, ok := strings.Cut(string(line), ":")
		switch {
		case line[0] == ' ' || line[0] == '\t':
			if last != "" && len(head[last]) < 1<<20 {
				head[last] += " " + strings.TrimSpace(string(line))
			}
		case ok && name != "" && !strings.ContainsAny(name, " \t"):
			if last = strings.ToLower(name); len(head) > 1000 {
				last = ""
			} else if _, known := head[last]; known {
				last = ""
			} else {
				head[last] = strings.TrimSpace(value)
			}
		default: // not a field: the body has begun without an empty line
			return head, data
		}
		data = rest
	}
	return head, nil
}

// mailText is what a part holds to be read.
type mailText struct {
	text  string
	plain bool
}

// part reads one part; attachments go to the mail.
func (e *emlReader) part(head map[string]string, body []byte, depth int) (mailText, error) {
	if e.parts++; e.parts > maxMailParts || depth > maxMailDepth {
		return mailText{}, fmt.Errorf("mail of too many parts: %w", errNested)
	}
	if !e.q.spend(0) {
		return mailText{}, e.q.err
	}
	kind, params := mailParams(head["content-type"])
	if kind == "" {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		return e.multipart(kind, params["boundary"], body, depth)
	}
	disposition, more := mailParams(head["content-disposition"])
	name := decodeHeader(more["filename"])
	if name == "" {
		name = decodeHeader(params["name"])
	}
	data := transferred(body, head["content-transfer-encoding"])
	switch {
	case kind == "message/rfc822":
		inner, _ := splitHead(bytes.TrimLeft(data, "\r\n"))
		if subject := fileName(decodeHeader(inner["subject"])); name == "" && subject != "" {
			name = subject
		}
		if name == "" {
			name = "mail"
		}
		if Kind(name) != "eml" {
			name += ".eml"
		}
	case strings.HasPrefix(kind, "image/"), strings.HasPrefix(kind, "audio/"), strings.HasPrefix(kind, "video/"), kind == "text/css":
		if e.m.web || disposition != "attachment" && (head["content-id"] != "" || disposition == "inline") {
			return mailText{}, nil // pictures in the text
		}
	case disposition != "attachment" && (name == "" || e.m.web):
		switch kind {
		case "text/html", "application/xhtml+xml":
			text, err := htmlText(e.q, []byte(decodeCharset(data, params["charset"], true)))
			if err != nil && e.q.err != nil {
				return mailText{}, e.q.err
			}
			return mailText{text: text}, nil
		case "text/plain", "message/delivery-status", "text/rfc822-headers", "text/enriched":
			text := decodeCharset(data, params["charset"], false)
			text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
			if strings.EqualFold(params["format"], "flowed") {
				text = unflow(text, strings.EqualFold(params["delsp"], "yes"))
			}
			return mailText{text: strings.Trim(text, "\n"), plain: true}, nil
		}
	}
	switch {
	case name == "":
	case len(e.m.attachments) < maxAttachments:
		e.m.attachments = append(e.m.attachments, attachment{name: name, data: data})
	default:
		e.m.more++
	}
	return mailText{}, nil
}

// multipart reads the parts between boundaries. Of alternatives the plain text counts, if there is any: the others say the same.
func (e *emlReader) multipart(kind, boundary string, body []byte, depth int) (mailText, error) {
	var texts []mailText
	for _, raw := range splitParts(body, boundary) {
		head, rest := splitHead(raw)
		if len(raw) > 0 && (raw[0] == '\n' || raw[0] == '\r') { // a part without fields
			head, rest = map[string]string{}, raw
		}
		if kind == "multipart/digest" && head["content-type"] == "" {
			head["content-type"] = "message/rfc822"
		}
		text, err := e.part(head, rest, depth+1)
		if err != nil {
			return mailText{}, err
		}
		if strings.TrimSpace(text.text) != "" {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		return mailText{}, nil
	}
	if kind == "multipart/alternative" {
		for _, t := range texts {
			if t.plain {
				return t, nil
			}
		}
		return texts[len(texts)-1], nil
	}
	joined := texts[0]
	for _, t := range texts[1:] {
		joined.text += "\n\n" + t.text
	}
	return joined, nil
}

func splitParts(body []byte, boundary string) [][]byte {
	var parts [][]byte
	mark := []byte("--" + boundary)
	start := -1
	for at := 0; at < len(body) && len(parts) < maxMailParts; {
		end := len(body)
		if i := bytes.IndexByte(body[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := bytes.TrimRight(body[at:end], " \t\r\n")
		if bytes.HasPrefix(line, mark) {
			rest := string(line[len(mark):])
			if rest == "" || rest == "--" {
				if start >= 0 {
					parts = append(parts, body[start:max(start, at)])
				}
				if start = end; rest == "--" {
					return parts
				}
			}
		}
		at = end
	}
	if start >= 0 && start < len(body) { // cut short
		parts = append(parts, body[start:])
	}
	return parts
}

// transferred undoes a content transfer encoding.
func transferred(body []byte, encoding string) []byte {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		return lenientBase64(body)
	case "quoted-printable":
		return quotedPrintable(body, false)
	}
	return body
}

// lenientBase64 decodes what is base64 in raw and passes over the rest.
func lenientBase64(raw []byte) []byte {
	clean := make([]byte, 0, len(raw))
	for _, c := range raw {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			clean = append(clean, c)
		}
	}
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(clean)))
	n, _ := base64.RawStdEncoding.Decode(out, clean)
	return out[:n]
}

// quotedPrintable decodes =XX; in header words "_" is a space, and there are no line ends.
func quotedPrintable(raw []byte, word bool) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '_' && word:
			out = append(out, ' ')
		case c != '=':
			out = append(out, c)
		case i+2 < len(raw)+0 && isHex(raw[i+1]) && isHex(raw[i+2]):
			n, _ := strconv.ParseUint(string(raw[i+1:i+3]), 16, 8)
			out = append(out, byte(n))
			i += 2
		default: // a soft line end
			j := i + 1
			for j < len(raw) && (raw[j] == ' ' || raw[j] == '\t') {
				j++
			}
			if j < len(raw) && raw[j] == '\r' {
				j++
			}
			if j < len(raw) && raw[j] == '\n' {
				i = j
			} else if j < len(raw) {
				out = append(out, c)
			}
		}
	}
	return out
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

var mailCharsets = map[string]string{
	"cp932": "shift_jis", "ms_kanji": "shift_jis", "cp50220": "iso-2022-jp", "cp50221": "iso-2022-jp", "cp50222": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp",
	"iso-2022-jp-1": "iso-2022-jp", "iso-2022-jp-2": "iso-2022-jp", "iso-2022-jp-3": "iso-2022-jp", "eucjp-ms": "euc-jp", "cp51932": "euc-jp", "x-euc-jp": "euc-jp", "utf8": "utf-8",
}

// decodeCharset is text in a declared charset. Mails that declare none, or ASCII, hold anything.
func decodeCharset(data []byte, charset string, web bool) string {
	charset = strings.ToLower(strings.Trim(strings.TrimSpace(charset), `"`))
	if name := mailCharsets[charset]; name != "" {
		charset = name
	}
	if charset == "" || charset == "us-ascii" || charset == "ascii" || charset == "unknown-8bit" {
		charset = ""
		if m := declared.FindSubmatch(data[:min(len(data), 4096)]); m != nil && web {
			charset = string(m[1])
		}
	}
	var text string
	var err error
	if charset != "" {
		text, _, err = DecodeAs(data, charset)
	} else {
		text, _, err = Decode(data)
	}
	if err == nil {
		return text
	}
	if enc, err := htmlindex.Get(charset); err == nil {
		return decodeWith(enc, data)
	}
	return strings.ToValidUTF8(string(data), "\ufffd")
}

var encodedWord = regexp.MustCompile(`=\?([^?\s]{1,40})\?([bBqQ])\?([^?\r\n]*)\?=`)

// decodeHeader decodes the words of RFC 2047. Mailers cut letters of several bytes between words: those of one charset are joined first.
func decodeHeader(raw string) string {
	var out strings.Builder
	var waiting []byte
	charset := ""
	flush := func() {
		if len(waiting) > 0 {
			out.WriteString(decodeCharset(waiting, charset, false))
			waiting = waiting[:0]
		}
	}
	plain := func(s string) {
		if s == "" {
			return
		}
		flush()
		if !utf8.ValidString(s) || strings.Contains(s, "\x1b") {
			s = decodeCharset([]byte(s), "", false)
		}
		out.WriteString(s)
	}
	at := 0
	for _, m := range encodedWord.FindAllStringSubmatchIndex(raw, -1) {
		between := raw[at:m[0]]
		if at == 0 || strings.TrimSpace(between) != "" {
			plain(between)
		}
		name, _, _ := strings.Cut(strings.ToLower(raw[m[2]:m[3]]), "*") // a language, RFC 2231
		text := []byte(raw[m[6]:m[7]])
		if raw[m[4]]|0x20 == 'b' {
			text = lenientBase64(text)
		} else {
			text = quotedPrintable(text, true)
		}
		if name != charset || name == "iso-2022-jp" && !bytes.HasPrefix(text, []byte{0x1b}) {
			flush()
		}
		charset = name
		waiting = append(waiting, text...)
		at = m[1]
	}
	flush()
	plain(raw[at:])
	return out.String()
}

// addresses are those of a header field as people read them.
func addresses(raw string) string {
	s := strings.ReplaceAll(oneLine(decodeHeader(raw)), `"`, "")
	if runes := []rune(s); len(runes) > 2000 {
		s = string(runes[:2000]) + " …"
	}
	return s
}

// mailParams reads a header field with parameters, those in parts and with a charset of RFC 2231 included.
func mailParams(raw string) (value string, params map[string]string) {
	value, rest, _ := strings.Cut(raw, ";")
	params = map[string]string{}
	type piece struct {
		text    string
		encoded bool
	}
	pieces := map[string]map[int]piece{}
	for rest = strings.TrimSpace(rest); rest != "" && len(params)+len(pieces) < 100; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		var v string
		v, rest = paramValue(strings.TrimLeft(after, " \t"))
		name = strings.ToLower(strings.Trim(name, " \t;"))
		base, section, star := strings.Cut(name, "*")
		if !star {
			if _, known := params[base]; !known {
				params[base] = v
			}
			continue
		}
		encoded := section == "" || strings.HasSuffix(section, "*")
		n, err := strconv.Atoi(strings.TrimSuffix(section, "*"))
		if err != nil {
			n = 0
		}
		if pieces[base] == nil {
			pieces[base] = map[int]piece{}
		}
		pieces[base][n] = piece{v, encoded}
	}
	for base, all := range pieces {
		var bytes []byte
		charset := ""
		for n := 0; ; n++ {
			p, ok := all[n]
			if !ok {
				break
			}
			if n == 0 && p.encoded {
				if parts := strings.SplitN(p.text, "'", 3); len(parts) == 3 {
					charset, p.text = parts[0], parts[2]
				}
			}
			if p.encoded {
				bytes = append(bytes, percent(p.text)...)
			} else {
				bytes = append(bytes, p.text...)
			}
		}
		params[base] = decodeCharset(bytes, charset, false)
	}
	return strings.ToLower(strings.TrimSpace(value)), params
}

// paramValue takes a token or a quoted string, and the semicolon after it.
func paramValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		value, rest, _ = strings.Cut(s, ";")
		return strings.TrimSpace(value), strings.TrimSpace(rest)
	}
	var b strings.Builder
	i := 1
	for ; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
			i++
		}
		b.WriteByte(s[i])
	}
	_, rest, _ = strings.Cut(s[min(i+1, len(s)):], ";")
	return b.String(), strings.TrimSpace(rest)
}

func percent(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8)
			out = append(out, byte(n))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

// mailDate writes a date in the sender's own time; one that is no date stays as it is.
func mailDate(raw string) string {
	s, _, _ := strings.Cut(raw, "(")
	s = oneLine(s)
	if i := strings.Index(s, ","); i >= 0 && i < 12 {
		s = strings.TrimSpace(s[i+1:])
	}
	for _, layout := range []string{"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04 -0700", "2 Jan 2006 15:04:05 MST", "2 Jan 06 15:04:05 -0700", time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format("2006-01-02 15:04 -0700")
		}
	}
	return oneLine(decodeHeader(raw))
}

// unflow joins the lines of format=flowed (RFC 3676): those that end in a space go on.
func unflow(text string, drop bool) string {
	var b strings.Builder
	going := ""
	for _, line := range strings.Split(text, "\n") {
		quote := line[:len(line)-len(strings.TrimLeft(line, ">"))]
		body := strings.TrimPrefix(line[len(quote):], " ")
		if going != quote+"|" && b.Len() > 0 {
			b.WriteByte('\n')
		}
		if going != quote+"|" {
			b.WriteString(quote)
			if quote != "" {
				b.WriteByte(' ')
			}
		}
		going = ""
		if strings.HasSuffix(body, " ") && body != "-- " {
			going = quote + "|"
			if drop {
				body = body[:len(body)-1]
			}
		}
		b.WriteString(body)
	}
	return b.String()
}

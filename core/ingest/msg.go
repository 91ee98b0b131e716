package ingest

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf16"
)

// msgReader reads messages of Outlook (MS-OXMSG): properties are streams named by number and type.
type msgReader struct {
	q     *budget
	c     *cfbFile
	page  int // code page of 8-bit strings
	parts int
}

// Properties (MS-OXPROPS).
const (
	propSubject     = "0037"
	propSender      = "0C1A"
	propSenderSMTP  = "5D01"
	propSenderMail  = "0C1F"
	propTo          = "0E04"
	propCc          = "0E03"
	propBody        = "1000"
	propHTML        = "1013"
	propRTF         = "1009"
	propLongName    = "3707"
	propShortName   = "3704"
	propData        = "3701"
	propContentID   = "3712" // of a picture that the text shows
	propSubmitted   = 0x00390040
	propDelivered   = 0x0e060040
	propCodePage    = 0x3ffd0003
	propInternetPag = 0x3fde0003
)

// msgTexts reads a message as mailTexts writes it.
func (r *reading) msgTexts(c *cfbFile) ([]string, error) {
	m := &msgReader{q: r.q, c: c, page: 932}
	message, err := m.message(c.root(), 32, 0)
	if err != nil {
		return nil, err
	}
	return r.mailTexts(message)
}

// message reads a storage that holds a message; header is the length of the head of its fixed properties.
func (m *msgReader) message(storage cfbEntry, header, depth int) (*mail, error) {
	if m.parts++; m.parts > maxAttachments || depth > maxNesting {
		return nil, errNested
	}
	children := m.c.children(storage)
	byName := make(map[string]cfbEntry, len(children))
	for _, e := range children {
		byName[strings.ToLower(e.name)] = e
	}
	fixed := m.fixed(byName, header)
	if page := int(uint32(fixed[propCodePage])); page > 0 {
		m.page = page
	}
	out := &mail{
		subject: oneLine(m.text(byName, propSubject)), from: oneLine(m.text(byName, propSender)), to: oneLine(m.text(byName, propTo)), cc: oneLine(m.text(byName, propCc)),
	}
	address := m.text(byName, propSenderSMTP)
	if address == "" {
		address = m.text(byName, propSenderMail)
	}
	if address = oneLine(address); strings.Contains(address, "@") && address != out.from {
		out.from = strings.TrimSpace(out.from + " <" + address + ">")
	}
	for _, id := range []uint32{propSubmitted, propDelivered} {
		if t := fixed[id]; t != 0 {
			// 100 ns since 1601; the zone is not told.
			out.date = time.Unix(int64(t/10_000_000)-11644473600, 0).UTC().Format("2006-01-02 15:04 -0700")
			break
		}
	}
	var err error
	if out.body, err = m.body(byName, int(uint32(fixed[propInternetPag]))); err != nil {
		return nil, err
	}
	for _, e := range children {
		if e.kind != 1 || !strings.HasPrefix(strings.ToLower(e.name), "__attach_version1.0_") {
			continue
		}
		if len(out.attachments) >= maxAttachments {
			out.more++
		} else {
			a, err := m.attachment(e, depth)
			if m.q.err != nil {
				return nil, m.q.err
			}
			if a.err = err; a.name == "" && a.err == nil && a.mail == nil && len(a.data) == 0 {
				continue // a picture in the text, or nothing
			}
			out.attachments = append(out.attachments, a)
		}
	}
	return out, m.q.err
}

// fixed are the properties of eight bytes or less, by number and type.
func (m *msgReader) fixed(streams map[string]cfbEntry, header int) map[uint32]uint64 {
	out := map[uint32]uint64{}
	raw, err := m.c.stream(streams["__properties_version1.0"])
	if err != nil || len(raw) < header {
		return out
	}
	for raw = raw[header:]; len(raw) >= 16; raw = raw[16:] {
		out[binary.LittleEndian.Uint32(raw)] = binary.LittleEndian.Uint64(raw[8:])
	}
	return out
}

// text is a property that is a string, of either width.
func (m *msgReader) text(streams map[string]cfbEntry, id string) string {
	if e, ok := streams[strings.ToLower("__substg1.0_"+id+"001F")]; ok {
		raw, err := m.c.stream(e)
		if err != nil || !m.q.spend(len(raw)) {
			return ""
		}
		m.q.refund(len(raw)) // who keeps it spends for it
		units := make([]uint16, len(raw)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(raw[2*i:])
		}
		return strings.TrimRight(string(utf16.Decode(units)), "\x00")
	}
	if e, ok := streams[strings.ToLower("__substg1.0_"+id+"001E")]; ok {
		raw, err := m.c.stream(e)
		if err != nil || !m.q.spend(len(raw)) {
			return ""
		}
		m.q.refund(len(raw))
		return strings.TrimRight(decodeWith(codePage(m.page), raw), "\x00")
	}
	return ""
}

func (m *msgReader) bytes(streams map[string]cfbEntry, id string) ([]byte, error) {
	e, ok := streams[strings.ToLower("__substg1.0_"+id+"0102")]
	if !ok {
		return nil, nil
	}
	return m.c.stream(e)
}

// body is the plain text, or that of the HTML, or that of the RTF.
func (m *msgReader) body(streams map[string]cfbEntry, page int) (string, error) {
	if text := m.text(streams, propBody); strings.TrimSpace(text) != "" {
		return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), nil
	}
	raw, err := m.bytes(streams, propHTML)
	if err != nil {
		return "", err
	}
	if len(raw) > 0 {
		text := ""
		if page > 0 && !declared.Match(raw[:min(len(raw), 4096)]) {
			text, err = htmlText(m.q, []byte(decodeWith(codePage(page), raw)))
		} else {
			text, err = readHTML(m.q, raw)
		}
		return text, err
	}
	if html := m.text(streams, propHTML); html != "" {
		return htmlText(m.q, []byte(html))
	}
	if raw, err = m.bytes(streams, propRTF); err != nil || len(raw) == 0 {
		return "", err
	}
	if raw, err = unpackRTF(raw); err != nil {
		return "", err
	}
	return rtfText(m.q, raw)
}

func (m *msgReader) attachment(storage cfbEntry, depth int) (attachment, error) {
	streams := map[string]cfbEntry{}
	for _, e := range m.c.children(storage) {
		streams[strings.ToLower(e.name)] = e
	}
	a := attachment{name: m.text(streams, propLongName)}
	if a.name == "" {
		a.name = m.text(streams, propShortName)
	}
	if inner, ok := streams["__substg1.0_"+propData+"000d"]; ok && inner.kind == 1 {
		message, err := m.message(inner, 24, depth+1)
		if err != nil {
			return a, fmt.Errorf("message in a message: %w", err)
		}
		if a.mail = message; a.name == "" {
			a.name = message.subject
		}
		return a, nil
	}
	if kind := Kind(a.name); (kind == "" || IsPicture(kind)) && m.text(streams, propContentID) != "" && pictureName(a.name) {
		return attachment{}, nil
	}
	var err error
	a.data, err = m.bytes(streams, propData)
	return a, err
}

// pictureName says whether a name is that of a picture.
func pictureName(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".emf", ".wmf", ".svg", ".tif", ".tiff", ".webp":
		return true
	}
	return false
}

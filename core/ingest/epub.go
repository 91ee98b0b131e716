package ingest

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"kakoi/core"
)

// closedTag is an element that XML closes in one tag and HTML does not know to: a browser would take all that follows for its content.
var closedTag = regexp.MustCompile(`<(title|script|style|iframe|textarea|a|p|div|span|i|b|em|strong|td|th|li|h[1-6]|section|noscript|object|video|audio)((?:\s+[^<>]*?)?)/>`)

// epubTexts are the chapters of a book in the order of its spine (EPUB 3.3, 5.7), a page each. Readings are left out; the list of contents
// counts where it is part of the spine.
func epubTexts(q *budget, data []byte) ([]string, error) {
	p, err := openPackage(q, data)
	if err != nil {
		return nil, err
	}
	var container struct {
		Roots []struct {
			Path string `xml:"full-path,attr"`
		} `xml:"rootfiles>rootfile"`
	}
	if err := p.decode("META-INF/container.xml", &container); err != nil {
		return nil, err
	}
	if len(container.Roots) == 0 {
		return nil, fmt.Errorf("book without container: %w", core.ErrCorrupt)
	}
	opf := strings.TrimPrefix(path.Clean(container.Roots[0].Path), "/")
	var book struct {
		Title []string `xml:"metadata>title"`
		Items []struct {
			ID   string `xml:"id,attr"`
			Href string `xml:"href,attr"`
			Type string `xml:"media-type,attr"`
		} `xml:"manifest>item"`
		Spine []struct {
			Ref string `xml:"idref,attr"`
		} `xml:"spine>itemref"`
	}
	if p.files[opf] == nil {
		return nil, fmt.Errorf("book without %s: %w", opf, core.ErrCorrupt)
	}
	if err := p.decode(opf, &book); err != nil {
		return nil, err
	}
	locked := p.epubLocked()
	places := map[string]string{}
	for _, item := range book.Items {
		href, err := url.PathUnescape(item.Href)
		if err != nil {
			href = item.Href
		}
		if strings.Contains(item.Type, "html") || strings.Contains(item.Type, "xml") && !strings.Contains(item.Type, "svg") || item.Type == "" {
			places[item.ID] = path.Join(path.Dir(opf), href)
		}
	}
	title := ""
	if len(book.Title) > 0 {
		title = oneLine(book.Title[0])
	}
	var texts []string
	seen := map[string]bool{}
	for _, ref := range book.Spine {
		name := places[ref.Ref]
		if p.files[name] == nil || seen[name] {
			texts = append(texts, "")
			continue
		}
		seen[name] = true
		if locked[name] {
			return nil, fmt.Errorf("chapter %s: %w", name, core.ErrEncrypted)
		}
		text, err := epubChapter(p, name, title)
		if err != nil && !errors.Is(err, errNotText) {
			return nil, err
		}
		texts = append(texts, text)
	}
	for i, text := range texts {
		if text != "" {
			if title != "" && len(title) < maxLabel && !strings.HasPrefix(text, title) {
				texts[i] = title + "\n\n" + text
			}
			break
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("book with an empty spine: %w", core.ErrEmpty)
	}
	return texts, q.err
}

// epubChapter is the text of one file of a book. A title that is the book's is not repeated in each.
func epubChapter(p *zipPackage, name, book string) (string, error) {
	data, err := p.bytes(name)
	if err != nil {
		return "", err
	}
	text, err := readHTML(p.q, closedTag.ReplaceAll(data, []byte("<$1$2></$1>")))
	if rest, ok := strings.CutPrefix(text, book+"\n\n"); ok && book != "" {
		text = rest
	}
	return text, err
}

// epubLocked are the parts that META-INF/encryption.xml says are encrypted: fonts often are, which does no harm.
func (p *zipPackage) epubLocked() map[string]bool {
	var e struct {
		Data []struct {
			Ref struct {
				URI string `xml:"URI,attr"`
			} `xml:"CipherData>CipherReference"`
		} `xml:"EncryptedData"`
	}
	out := map[string]bool{}
	if p.decode("META-INF/encryption.xml", &e) == nil {
		for _, d := range e.Data {
			if name, err := url.PathUnescape(d.Ref.URI); err == nil {
				out[name] = true
			}
		}
	}
	return out
}

package refmodel

import (
	"strings"
	"unicode/utf8"
)

// Decoder turns a stream of token ids into a stream of valid UTF-8. It holds
// back the bytes of an unfinished rune and replaces bytes that can never become
// one with U+FFFD. The zero value is ready to use.
type Decoder struct{ held []byte }

// Add returns the text that became certain with token id, possibly "".
func (d *Decoder) Add(id int) string {
	if !ValidID(id) || IsSpecial(id) {
		return ""
	}
	d.held = append(d.held, vocab().text[id]...)
	return d.release(false)
}

// Flush returns what is held at the end of the stream: "" or U+FFFD.
func (d *Decoder) Flush() string { return d.release(true) }

func (d *Decoder) release(end bool) string {
	var b strings.Builder
	p := d.held
	for len(p) > 0 && (end || utf8.FullRune(p)) {
		r, n := utf8.DecodeRune(p)
		b.WriteRune(r)
		p = p[n:]
	}
	d.held = append(d.held[:0], p...)
	return b.String()
}

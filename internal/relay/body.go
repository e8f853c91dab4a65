package relay

import "bytes"

// framing says where a body ends.
type framing uint8

const (
	byLength framing = iota
	byChunks
	byClose // the body ends with the connection
)

// body takes a response's body out of what the connection carries. It holds no
// bytes but those of trailers, if they are wanted.
type body struct {
	framing framing
	left    int64 // of the body, or of the current chunk
	state   chunkState
	framed  int // bytes of the current chunk's framing, or of all trailers
	done    bool

	wants    bool   // trailers are kept
	trailers []byte // lines, at most maxFraming bytes
}

type chunkState uint8

const (
	chunkSize chunkState = iota
	chunkExtension
	chunkSizeEnd
	chunkData
	chunkDataEnd
	chunkDataEndLF
	trailerStart
	trailerLine
	trailerEnd
)

// maxFraming is how many bytes a chunk's size line, or the trailers, may have.
const maxFraming = 4 << 10

func newBody(h head) body {
	switch {
	case h.chunked:
		return body{framing: byChunks}
	case h.length >= 0:
		return body{framing: byLength, left: h.length, done: h.length == 0}
	}
	return body{framing: byClose}
}

// take gives the first piece of the body in p, which may be empty, and how
// many bytes of p it has dealt with. It deals with all of p if called until
// then, or until done is set.
func (b *body) take(p []byte) (data []byte, n int, err error) {
	switch b.framing {
	case byClose:
		return p, len(p), nil
	case byLength:
		n = int(min(int64(len(p)), b.left))
		b.left -= int64(n)
		b.done = b.left == 0
		return p[:n], n, nil
	}
	for n < len(p) && !b.done {
		if b.state == chunkData {
			size := int(min(int64(len(p)-n), b.left))
			data = p[n : n+size]
			if b.left -= int64(size); b.left == 0 {
				b.state, b.framed = chunkDataEnd, 0
			}
			return data, n + size, nil
		}
		c := p[n]
		n++
		if b.wants && b.state >= trailerStart {
			b.trailers = append(b.trailers, c)
		}
		if b.framed++; b.framed > maxFraming || !b.frame(c) {
			return nil, n, errFraming
		}
	}
	return nil, n, nil
}

// frame takes one byte between the data of chunks.
func (b *body) frame(c byte) bool {
	switch b.state {
	case chunkSize:
		switch {
		case '0' <= c && c <= '9':
			b.left = b.left<<4 | int64(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			b.left = b.left<<4 | int64(c|0x20-'a'+10)
		case c == '\r' && b.framed > 1:
			b.state = chunkSizeEnd
			return true
		case (c == ';' || c == ' ' || c == '\t') && b.framed > 1:
			b.state = chunkExtension
			return true
		default:
			return false
		}
		return b.framed <= 8 // digits
	case chunkExtension:
		if c == '\r' {
			b.state = chunkSizeEnd
		}
		return c != '\n'
	case chunkSizeEnd:
		b.state = chunkData
		if b.left == 0 {
			b.state, b.framed = trailerStart, 0
		}
		return c == '\n'
	case chunkDataEnd:
		b.state = chunkDataEndLF
		return c == '\r'
	case chunkDataEndLF:
		b.state, b.framed, b.left = chunkSize, 0, 0
		return c == '\n'
	case trailerStart:
		b.state = trailerLine
		if c == '\r' {
			b.state = trailerEnd
		}
		return c != '\n'
	case trailerLine:
		if c == '\n' {
			b.state = trailerStart
		}
		return true
	}
	b.done = c == '\n'
	return b.done
}

// trailer is the value of the only trailer of a name in lower case, or "".
func (b *body) trailer(lower string) (value string) {
	for line := range bytes.Lines(b.trailers) {
		name, text, ok := bytes.Cut(line, []byte(":"))
		if !ok || !fold(name, lower) {
			continue
		}
		if text = bytes.TrimSpace(text); value != "" || len(text) > maxAnswer {
			return ""
		}
		value = string(text)
	}
	return value
}

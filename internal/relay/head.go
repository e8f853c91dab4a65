package relay

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"vision/internal/proto"
)

// head is the beginning of a response, as far as we care.
type head struct {
	status     int
	length     int64 // of the body; -1 if not said
	chunked    bool
	close      bool // the connection ends with the body
	events     bool // the body is text/event-stream
	encoded    bool // the body is compressed, which we never asked for
	retryAfter string
	answer     string // proto.AnswerHeader
}

var (
	errHead     = errors.New("the response's head is malformed")
	errHeadSize = errors.New("the response's head is too large")
	errFraming  = errors.New("the response's body is badly framed")
)

var endOfHead = []byte("\r\n\r\n")

// parseHead reads a head without the empty line that ends it, its last line
// with its line end.
func parseHead(b []byte) (h head, err error) {
	h.length = -1
	line, rest, ok := bytes.Cut(b, crlf)
	if !ok || len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return h, errHead
	}
	switch line[7] {
	case '0':
		h.close = true
	case '1':
	default:
		return h, errHead
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return h, errHead
		}
		h.status = h.status*10 + int(c-'0')
	}
	if h.status < 100 {
		return h, errHead
	}
	for len(rest) > 0 {
		if line, rest, ok = bytes.Cut(rest, crlf); !ok {
			return h, errHead
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 1 || bytes.ContainsAny(line[:colon], " \t\r\n") || bytes.IndexByte(line, '\n') >= 0 {
			return h, errHead
		}
		if err := h.field(line[:colon], bytes.Trim(line[colon+1:], " \t")); err != nil {
			return h, err
		}
	}
	if h.chunked && h.length >= 0 {
		return h, errHead // the two contradict each other
	}
	return h, nil
}

var crlf = []byte("\r\n")

func (h *head) field(name, value []byte) error {
	switch len(name) {
	case len("Connection"):
		if fold(name, "connection") && containsFold(value, "close") {
			h.close = true
		}
	case len("Retry-After"):
		if fold(name, "retry-after") {
			h.retryAfter = string(value[:min(len(value), 64)])
		}
	case len("Content-Type"):
		if fold(name, "content-type") {
			media, _, _ := bytes.Cut(value, []byte(";"))
			h.events = fold(bytes.TrimSpace(media), "text/event-stream")
		}
	case len(proto.AnswerHeader):
		if fold(name, answerHeader) {
			h.answer = string(value[:min(len(value), maxAnswer)])
		}
	case len("Content-Length"):
		if fold(name, "content-length") {
			n, err := strconv.ParseUint(string(value), 10, 63)
			if err != nil || h.length >= 0 && h.length != int64(n) || n > math.MaxInt64/2 {
				return errHead
			}
			h.length = int64(n)
		}
	case len("Content-Encoding"):
		if fold(name, "content-encoding") && !fold(value, "identity") {
			h.encoded = true
		}
	case len("Transfer-Encoding"):
		if fold(name, "transfer-encoding") {
			if h.chunked || !fold(value, "chunked") {
				return errHead
			}
			h.chunked = true
		}
	}
	return nil
}

// answerHeader is proto.AnswerHeader in lower case; a longer value than maxAnswer
// is no signature.
var answerHeader = strings.ToLower(proto.AnswerHeader)

const maxAnswer = 256

// fold compares with a lower-case word, whatever the case.
func fold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// containsFold looks for a word in a list with commas.
func containsFold(list []byte, lower string) bool {
	for len(list) > 0 {
		var word []byte
		word, list, _ = bytes.Cut(list, []byte(","))
		if fold(bytes.TrimSpace(word), lower) {
			return true
		}
	}
	return false
}

// maxRetryAfter bounds what a miner can make us wait.
const maxRetryAfter = time.Hour

// parseRetryAfter reads seconds or a date; 0 if it says neither.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if at, err := time.Parse(layout, value); err == nil {
			return min(max(at.Sub(now), 0), maxRetryAfter)
		}
	}
	return 0
}

package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// file is something to be sent, made ready.
type file struct {
	kind  string // Content-Type
	keep  string // Cache-Control
	open  bool   // pages of other origins may read it
	plain body
	small body // compressed by gzip; empty if that would not be smaller
}

type body struct {
	bytes  []byte
	tag    string // ETag
	length string
}

// What browsers may keep.
const (
	revalidate = "no-cache"                            // and ask whether it changed
	forever    = "public, max-age=31536000, immutable" // for paths that change with their content
)

func newFile(content []byte, kind, keep string) *file {
	sum := sha256.Sum256(content)
	tag := hex.EncodeToString(sum[:12])
	f := &file{kind: kind, keep: keep, plain: newBody(content, tag)}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = z.Write(content)                               // a Buffer takes everything
	_ = z.Close()
	if b.Len() < len(content) {
		f.small = newBody(b.Bytes(), tag+"-gzip")
	}
	return f
}

func newBody(content []byte, tag string) body {
	return body{bytes: content, tag: `"` + tag + `"`, length: strconv.Itoa(len(content))}
}

// policy lets a page use its own origin's files and the pictures that it makes
// itself, and nothing else. Scripts cannot turn text into markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// security are the headers of every answer.
var security = map[string]string{
	"Content-Security-Policy":      policy,
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for name, value := range security {
		h.Set(name, value)
	}
	if f.open {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	h.Set("Cache-Control", f.keep)
	b := f.plain
	if len(f.small.bytes) > 0 {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Values("Accept-Encoding")) {
			b = f.small
		}
	}
	h.Set("ETag", b.tag)
	if known(r.Header.Values("If-None-Match"), f.plain.tag, f.small.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if len(f.small.bytes) > 0 && b.tag == f.small.tag {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", b.length)
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.bytes) // a visitor who left needs no answer
	}
}

// takesGzip reads Accept-Encoding.
func takesGzip(values []string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			name, params, _ := strings.Cut(part, ";")
			if name = strings.TrimSpace(name); !strings.EqualFold(name, "gzip") && name != "*" {
				continue
			}
			_, q, weighed := strings.Cut(strings.ReplaceAll(params, " ", ""), "q=")
			if !weighed {
				return true
			}
			f, err := strconv.ParseFloat(q, 64)
			return err == nil && f > 0
		}
	}
	return false
}

// known reads If-None-Match: whether the asker has one of two variants.
func known(values []string, tags ...string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
			if part == "*" {
				return true
			}
			for _, t := range tags {
				if t != "" && part == t {
					return true
				}
			}
		}
	}
	return false
}
